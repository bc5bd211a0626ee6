package clojure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain/libraries"
	"slugc/cache/disk"
	"slugc/detect/lazyregexp"
)

// Runtime is the layer "jre". Its modules are known only when the app is compiled.
var Runtime = language.Runtime{
	Layer: "jre", Tools: []string{"jdk"}, Layout: imageVersion, Parts: modulesOf, Make: makeRuntime,
}

var moduleName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)

// modulesOf returns the modules that the metadata of the layer names. A layer of an app with a JDK of its
// own names none. The metadata is not to be trusted: an app's build may have written it.
func modulesOf(metadata map[string]any) ([]string, bool) {
	list, ok := metadata["modules"].(string)
	if !ok || list == "" {
		return nil, ok
	}
	modules := strings.Split(list, ",")
	valid := !slices.ContainsFunc(modules, func(name string) bool { return !moduleName.MatchString(name) })
	return modules, valid
}

// makeRuntime links an image of the modules in dir, or copies the runtime of a Java 8, which has none.
// The image is not compressed: a slug is compressed as a whole, and classes load faster from an image that
// is not.
func makeRuntime(ctx context.Context, o language.Order, dir string, log *command.Log) error {
	jdk := o.Tools["jdk"].Dir
	if len(o.Parts) == 0 {
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(jdk, "jre"))); err != nil {
			return fmt.Errorf("copying the runtime of Java 8: %w", err)
		}
	} else if err := link(ctx, jdk, o.Parts, dir, log); err != nil {
		return fmt.Errorf("linking the runtime: %w", err)
	}
	if err := copyLibraries(jdk, dir, log); err != nil {
		return err
	}
	return language.WriteProfile(dir, "jvm.sh", profileScript(language.System))
}

// link fills dir with an image. jlink makes its directory itself, so the image is below dir until it is
// done.
func link(ctx context.Context, jdk string, modules []string, dir string, log *command.Log) error {
	image := filepath.Join(dir, ".image")
	argv := []string{
		"--add-modules", strings.Join(modules, ","), "--no-header-files", "--no-man-pages", "--output", image,
	}
	if _, err := os.Stat(filepath.Join(jdk, "jmods")); errors.Is(err, os.ErrNotExist) {
		// Such a JDK (24 and later) links from its own files, and refuses if the system has
		// changed one. Linux distributions change the certificates.
		argv = append(argv, "--ignore-modified-runtime")
	}
	_, err := log.Run(ctx, command.Command{
		Program: filepath.Join(jdk, "bin", "jlink"), Args: argv, Shown: "jlink", Dir: dir,
		Env: []string{"LANG=C.UTF-8", "PATH=/usr/bin:/bin", "JAVA_HOME=" + jdk}, Drop: noise,
	})
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(image)
	for _, e := range entries {
		err = errors.Join(err, os.Rename(filepath.Join(image, e.Name()), filepath.Join(dir, e.Name())))
	}
	if err := errors.Join(err, os.Remove(image)); err != nil {
		return err
	}
	if err := certificates(jdk, dir); err != nil {
		return err
	}
	return sortRelease(filepath.Join(dir, "release"))
}

// certificates copies the JDK's certificates into the image: on some systems they are the
// machine's, and newer than those that the JDK was built with.
func certificates(jdk, dir string) error {
	data, err := os.ReadFile(filepath.Join(jdk, "lib", "security", "cacerts"))
	if errors.Is(err, os.ErrNotExist) || err == nil && len(data) < 1000 {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "lib", "security", "cacerts"), data, 0o644)
}

var moduleLine = lazyregexp.New(`(?m)^MODULES="([^"]*)"$`)

// sortRelease sorts the list of modules in an image's release file. Its order is random in older
// releases of jlink.
func sortRelease(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	sorted := moduleLine.ReplaceAllFunc(data, func(line []byte) []byte {
		modules := strings.Fields(string(moduleLine.FindSubmatch(line)[1]))
		slices.Sort(modules)
		return []byte(`MODULES="` + strings.Join(modules, " ") + `"`)
	})
	return os.WriteFile(file, sorted, 0o644)
}

// windowing are the libraries that need a screen, which a slug does not have; what they depend on
// is not copied.
var windowing = []string{"libawt_xawt.so", "libjawt.so", "libsplashscreen.so", "libjsound.so"}

// libraries copies the shared libraries that the image's programs need besides the C library, each
// into a directory of its own: the launch script uses those that the machine lacks. It states which
// files of the machine those are.
func copyLibraries(jdk, dir string, log *command.Log) error {
	var roots []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !slices.Contains(windowing, d.Name()) &&
			(strings.Contains(d.Name(), ".so") || filepath.Base(filepath.Dir(path)) == "bin") {
			roots = append(roots, path)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("listing the runtime: %w", err)
	}
	triple := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	from := []string{filepath.Join(jdk, "lib"), "/usr/lib/" + triple, "/lib/" + triple, "/usr/lib64",
		"/lib64", "/usr/lib", "/lib"}
	into, err := os.MkdirTemp("", "slugc-libraries-*")
	if err != nil {
		return fmt.Errorf("copying the runtime's libraries: %w", err)
	}
	defer os.RemoveAll(into)
	copied, missing, err := libraries.Bring(into, roots, from)
	if err != nil {
		return fmt.Errorf("copying the runtime's libraries: %w", err)
	}
	for _, name := range missing {
		log.Detail("The runtime needs %s where it runs; it is not on this machine", name)
	}
	used := []string{}
	for _, library := range copied {
		name := library.Name
		to := filepath.Join(dir, "lib", "needed", name)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return fmt.Errorf("copying the runtime's libraries: %w", err)
		}
		if err := disk.CopyFile(filepath.Join(into, name), filepath.Join(to, name), 0o644); err != nil {
			return fmt.Errorf("copying the runtime's libraries: %w", err)
		}
		if _, own := within(jdk, library.From); !own {
			used = append(used, library.From)
		}
	}
	return language.WriteInputs(dir, used)
}
