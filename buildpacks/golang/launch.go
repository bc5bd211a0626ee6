package golang

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/language"
	"slugc/detect/lazyregexp"
)

const web = "web"

// processType is what a process type may be called.
var processType = lazyregexp.New(`^[A-Za-z0-9_-]+$`)

// processes declares how to start the binaries, unless the app has a Procfile that says so
// (languages.md 4.5).
func (b *work) processes() error {
	if info, err := os.Stat(filepath.Join(b.dir, "Procfile")); err == nil && info.Mode().IsRegular() {
		return nil
	}
	front := webPackage(b.mains)
	if front < 0 {
		b.say.Warn(
			"No package is called web, so there is no web process. A Procfile can name one: `web: %s/%s`.",
			binDir,
			b.mains[0].name,
		)
	}
	for i, m := range b.mains {
		p := libcnb.Process{Type: m.name, Command: []string{"bash", "-c", binDir + "/" + m.name}}
		if i == front {
			p.Type, p.Default = web, true
		}
		if !processType.MatchString(p.Type) {
			b.say.Warn(
				"%q can't be the name of a process. A Procfile can start %s/%s under another name.",
				m.name,
				binDir,
				m.name,
			)
			continue
		}
		b.result.Processes = append(b.result.Processes, p)
	}
	return nil
}

// webPackage is the index of the main package that serves web: the only one, the one of that name,
// or the one at the app's root; else -1.
func webPackage(mains []mainPackage) int {
	if len(mains) == 1 {
		return 0
	}
	if i := slices.IndexFunc(mains, func(m mainPackage) bool { return m.name == web }); i >= 0 {
		return i
	}
	return slices.IndexFunc(mains, func(m mainPackage) bool { return m.dir == "." })
}

// launch adds the layer that is sourced before the app starts.
func (b *work) launch() error {
	dir, err := b.layer("profile", libcnb.LayerTypes{Launch: true})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "profile.d"), 0o755); err != nil {
		return fmt.Errorf("writing the launch script: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "profile.d", "go.sh"), []byte(profile(language.System)), 0o644); err != nil {
		return fmt.Errorf("writing the launch script: %w", err)
	}
	return nil
}

// profile is the launch script: bin on PATH, and GOMEMLIMIT at 90 % of the memory that the cgroups
// allow, so that the garbage collector works harder before the kernel kills the app. A GOMEMLIMIT
// that is set, even empty, stays.
func profile(cgroups language.Cgroups) string {
	return `case ":$PATH:" in
*":$HOME/bin:"*) ;;
*) export PATH="$PATH:$HOME/bin" ;;
esac
if [ -z "${GOMEMLIMIT+set}" ]; then
	GOMEMLIMIT=$(
` + cgroups.MemoryLimit() + `
		if [ -n "$least" ]; then echo $((least / 10 * 9)); fi
	) 2>/dev/null || :
	if [ -n "$GOMEMLIMIT" ]; then export GOMEMLIMIT; else unset GOMEMLIMIT; fi
fi
`
}
