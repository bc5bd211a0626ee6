package golang

import (
	"path"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/language"
	"slugc/detect/lazyregexp"
)

const web = "web"

// validType matches the names that a process type may have.
var validType = lazyregexp.New(`^[A-Za-z0-9_-]+$`)

// processes declares how to start the binaries, unless the app has a Procfile that says so.
func (b *work) processes() error {
	if b.HasProcfile() {
		return nil
	}
	front := webPackage(b.mains)
	if front < 0 {
		b.Log.Warn("No package is called web, so there is no web process. A Procfile can name one: `web: %s/%s`.",
			binDir, b.mains[0].name)
	}
	for i, m := range b.mains {
		kind := m.name
		if i == front {
			kind = web
		}
		if !validType.MatchString(kind) {
			b.Log.Warn("%q can't be the name of a process. A Procfile can start %s/%s under another name.",
				m.name, binDir, m.name)
			continue
		}
		b.AddProcess(kind, binDir+"/"+m.name)
	}
	return nil
}

// webPackage returns the index of the main package that serves web: the only one, the one of that
// name, or the one at the app's root; -1 where there is none.
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
	return language.WriteProfile(dir, "go.sh", profile(language.System, b.Member))
}

// profile returns the launch script: bin on PATH, and GOMEMLIMIT at 90 % of the memory that the
// cgroups allow, so that the garbage collector works harder before the kernel kills the app. A
// GOMEMLIMIT that is set, even if empty, stays. The bin is that of member, the app's directory.
func profile(cgroups language.Cgroups, member string) string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`")
	bin := "$HOME/" + quote.Replace(path.Join(member, binDir))
	return `case ":$PATH:" in
*":` + bin + `:"*) ;;
*) export PATH="$PATH:` + bin + `" ;;
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
