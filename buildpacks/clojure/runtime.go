package clojure

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain/libraries"
	"slugc/cache/disk"
	"slugc/detect/lazyregexp"
)

// imageVersion is the version of how an image is made: change it when the same JDK and modules have
// another result.
const imageVersion = "1"

// runtimeTypes are the types of the layer "jre".
var runtimeTypes = libcnb.LayerTypes{Launch: true, Cache: true}

// runtime makes the layer "jre": the Java that the slug runs on.
func (b *work) runtime() error {
	layer, err := b.Layer("jre")
	if err != nil {
		return err
	}
	if b.app.JDK.Provided {
		return b.providedRuntime(layer)
	}
	modules, err := b.modules()
	if err != nil {
		return err
	}
	metadata := map[string]any{
		"jdk":     strings.TrimSpace(b.jdk.Version + " " + b.jdk.Source + " " + b.jdk.Digest),
		"modules": strings.Join(modules, ","),
		"image":   imageVersion,
	}
	if !language.Same(layer.Metadata, metadata) {
		b.Log.Step("Linking a Java %s runtime of %d modules", b.jdk.Version, len(modules))
		if layer, err = language.EmptyLayer(layer); err != nil {
			return err
		}
		if err := b.link(layer.Path, modules); err != nil {
			return err
		}
	}
	layer.Metadata = metadata
	layer.LaunchEnvironment.Override("JAVA_HOME", layer.Path)
	b.launchEnvironment(layer)
	b.Contribute(layer, runtimeTypes)
	return language.WriteProfile(layer.Path, "jvm.sh", profileScript(language.System))
}

// providedRuntime is for an app with a .jdk directory: the layer only has the launch script.
func (b *work) providedRuntime(layer libcnb.Layer) error {
	layer, err := language.EmptyLayer(layer)
	if err != nil {
		return err
	}
	layer.LaunchEnvironment.Override("JAVA_HOME", filepath.Join(b.Dir, ".jdk"))
	layer.LaunchEnvironment.Prepend("PATH", ":", filepath.Join(b.Dir, ".jdk", "bin"))
	b.launchEnvironment(layer)
	b.Contribute(layer, runtimeTypes)
	return language.WriteProfile(layer.Path, "jvm.sh", profileScript(language.System))
}

func (b *work) launchEnvironment(layer libcnb.Layer) {
	layer.LaunchEnvironment.Default("RING_ENV", "production")
	layer.LaunchEnvironment.Default("LEIN_NO_DEV", "yes")
}

// modules returns the modules that the app needs; nil for Java 8, which has none.
func (b *work) modules() ([]string, error) {
	image := filepath.Join(b.jdk.Dir, "lib", "modules")
	if _, err := os.Stat(image); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	jdk, err := packages(image)
	if err != nil {
		return nil, fmt.Errorf("listing the JDK's modules: %w", err)
	}
	paths := []string{}
	if b.uberjar != "" {
		paths = append(paths, filepath.Join(b.Dir, filepath.FromSlash(b.uberjar)))
	}
	if b.frozen != nil {
		paths = append(paths, b.frozen.path...)
	}
	if b.includeLein() {
		jar, err := b.toolJars()
		if err != nil {
			return nil, err
		}
		paths = append(paths, jar)
	}
	modules, err := modulesFor(jdk, paths)
	if err != nil {
		return nil, err
	}
	if b.usesLocales() && slices.Contains(slices.Collect(maps.Values(jdk)), localeModule) {
		modules = append(modules, localeModule)
	}
	return b.moreModules(jdk, modules)
}

var localeClass = lazyregexp.New(`\bLocale\b`)

// usesLocales reports whether the app's own sources mention java.util.Locale.
func (b *work) usesLocales() bool {
	found := false
	for _, dir := range b.sourceDirs() {
		if dir == "" {
			continue
		}
		_ = filepath.WalkDir(b.Path(dir), func(file string, d os.DirEntry, err error) error {
			if err != nil || found || !d.Type().IsRegular() ||
				!strings.HasPrefix(filepath.Ext(file), ".clj") && filepath.Ext(file) != ".java" {
				return err
			}
			data, err := os.ReadFile(file)
			found = found || err == nil && localeClass.Match(data)
			return nil
		})
	}
	return found
}

// moreModules adds the modules that SLUGC_JDK_MODULES names.
func (b *work) moreModules(jdk map[string]string, modules []string) ([]string, error) {
	names := b.CNB.Platform.Environment["SLUGC_JDK_MODULES"]
	for _, name := range strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' }) {
		known := false
		for _, module := range jdk {
			known = known || module == name
		}
		if !known {
			return nil, &diagnosis.Diagnosis{
				ID:      "clojure/jdk-module-unknown",
				Summary: fmt.Sprintf("SLUGC_JDK_MODULES asks for %q, which JDK %s does not have.", name, b.jdk.Version),
				Hints:   []string{"`java --list-modules` lists them"},
			}
		}
		if !slices.Contains(modules, name) {
			modules = append(modules, name)
		}
	}
	slices.Sort(modules)
	return modules, nil
}

// link makes the image in dir. It is not compressed: a slug is compressed as a whole, and classes
// load faster from an image that is not.
func (b *work) link(dir string, modules []string) error {
	if modules == nil {
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(b.jdk.Dir, "jre"))); err != nil {
			return fmt.Errorf("copying the runtime of Java 8: %w", err)
		}
		return b.libraries(dir)
	}
	if err := os.Remove(dir); err != nil { // jlink makes the directory itself
		return fmt.Errorf("linking the runtime: %w", err)
	}
	argv := []string{"--add-modules", strings.Join(modules, ","), "--no-header-files", "--no-man-pages", "--output",
		dir}
	if _, err := os.Stat(filepath.Join(b.jdk.Dir, "jmods")); errors.Is(err, os.ErrNotExist) {
		// Such a JDK (24 and later) links from its own files, and refuses if the system has
		// changed one. Linux distributions change the certificates.
		argv = append(argv, "--ignore-modified-runtime")
	}
	if err := b.tool("jlink", b.java("jlink"), argv...); err != nil {
		return err
	}
	if err := b.certificates(dir); err != nil {
		return fmt.Errorf("linking the runtime: %w", err)
	}
	if err := sortRelease(filepath.Join(dir, "release")); err != nil {
		return fmt.Errorf("linking the runtime: %w", err)
	}
	return b.libraries(dir)
}

// certificates copies the JDK's certificates into the image: on some systems they are the
// machine's, and newer than those that the JDK was built with.
func (b *work) certificates(dir string) error {
	data, err := os.ReadFile(filepath.Join(b.jdk.Dir, "lib", "security", "cacerts"))
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
// into a directory of its own: the launch script uses those that the machine lacks.
func (b *work) libraries(dir string) error {
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
	from := []string{filepath.Join(b.jdk.Dir, "lib"), "/usr/lib/" + triple, "/lib/" + triple, "/usr/lib64",
		"/lib64", "/usr/lib", "/lib"}
	into := filepath.Join(b.home, "libraries")
	copied, missing, err := libraries.Bring(into, roots, from)
	if err != nil {
		return fmt.Errorf("copying the runtime's libraries: %w", err)
	}
	for _, name := range missing {
		b.Log.Detail("The runtime needs %s where it runs; it is not on this machine", name)
	}
	for _, name := range copied {
		to := filepath.Join(dir, "lib", "needed", name)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return fmt.Errorf("copying the runtime's libraries: %w", err)
		}
		if err := disk.CopyFile(filepath.Join(into, name), filepath.Join(to, name), 0o644); err != nil {
			return fmt.Errorf("copying the runtime's libraries: %w", err)
		}
	}
	return nil
}
