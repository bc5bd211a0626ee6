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
	"slugc/buildpacks/toolchain"
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
	if layer, err = b.fillRuntime(layer, metadata, modules); err != nil {
		return err
	}
	layer.Metadata = metadata
	layer.LaunchEnvironment.Override("JAVA_HOME", layer.Path)
	b.launchEnvironment(layer)
	b.Contribute(layer, runtimeTypes)
	return nil
}

// fillRuntime empties the layer for a platform that links the image itself, after the build, from what
// the metadata says. Otherwise it links the image unless the restored layer has it.
func (b *work) fillRuntime(layer libcnb.Layer, metadata map[string]any, modules []string) (libcnb.Layer, error) {
	provided, err := b.Provided(layer.Name)
	if err != nil || provided {
		if err == nil {
			layer, err = language.EmptyLayer(layer)
		}
		return layer, err
	}
	if language.Same(layer.Metadata, metadata) {
		return layer, nil
	}
	if layer, err = language.EmptyLayer(layer); err != nil {
		return layer, err
	}
	return layer, b.FillLayer(Runtime, language.Order{
		Tools: map[string]toolchain.Toolchain{"jdk": b.jdk}, Arch: runtime.GOARCH, Parts: modules,
	}, layer.Path)
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
	paths := b.startedJars()
	for _, f := range b.allFrozen() {
		for _, entry := range f.path {
			if !slices.Contains(paths, entry) {
				paths = append(paths, entry)
			}
		}
	}
	if b.includeLein() {
		jar, err := toolJars(b.builder)
		if err != nil {
			return nil, err
		}
		paths = append(paths, jar)
	}
	modules, err := modulesFor(jdk, paths, b.entries)
	if err != nil {
		return nil, err
	}
	locales, err := b.usesLocales()
	if err != nil {
		return nil, fmt.Errorf("looking for languages in the app's code: %w", err)
	}
	has := slices.Collect(maps.Values(jdk))
	if locales && slices.Contains(has, localeModule) {
		modules = append(modules, localeModule)
	}
	if debugger := "jdk.jdwp.agent"; b.mentioned("jdwp") && slices.Contains(has, debugger) {
		modules = append(modules, debugger)
	}
	return b.moreModules(jdk, modules)
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
