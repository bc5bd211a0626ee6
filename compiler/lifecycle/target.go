package lifecycle

import (
	"fmt"
	"os"
	"strings"
)

// Target is the machine to build for, CNB_TARGET_* in the specification.
type Target struct{ OS, Arch, DistroName, DistroVersion string }

// As returns the target with the distribution that a stack is of, for buildpacks of others: those of Heroku's stacks
// are releases of Ubuntu (Heroku Dev Center, "Stacks"), and any other name is "debian-12". What is no such name
// changes nothing.
func (t Target) As(stack string) Target {
	name, version, ok := strings.Cut(stack, "-")
	if !ok || name == "" || version == "" || strings.ContainsAny(version, "-/") {
		return t
	}
	if name == "heroku" {
		name, version = "ubuntu", version+".04"
	}
	t.DistroName, t.DistroVersion = name, version
	return t
}

// environ returns the target's variables. What is not known has none.
func (t Target) environ() map[string]string {
	env := map[string]string{"CNB_TARGET_OS": t.OS, "CNB_TARGET_ARCH": t.Arch}
	if t.DistroName != "" {
		env["CNB_TARGET_DISTRO_NAME"] = t.DistroName
	}
	if t.DistroVersion != "" {
		env["CNB_TARGET_DISTRO_VERSION"] = t.DistroVersion
	}
	return env
}

// targetOf is a machine that a buildpack builds for. What is empty is any.
type targetOf struct {
	OS      string     `toml:"os"`
	Arch    string     `toml:"arch"` // its variant is not known here, and matches any
	Distros []distroOf `toml:"distros"`
}

type distroOf struct {
	Name    string `toml:"name"`
	Version string `toml:"version"`
}

// targets returns the targets of buildpack.toml, or those that its stacks and programs stand for (specification,
// "Targets"; the lifecycle's ReadBpDescriptor).
func (d descriptor) targets(root *os.Root) []targetOf {
	all := d.Targets
	for _, stack := range d.Stacks {
		switch {
		case len(d.Targets) > 0:
		case stack.ID == "*":
			all = append(all, targetOf{})
		case stack.ID == "io.buildpacks.stacks.bionic" && (d.API != "0.7" && d.API != "0.8" && d.API != "0.9" ||
			len(d.Stacks) == 1):
			all = append(all, targetOf{OS: "linux", Arch: "amd64", Distros: []distroOf{{"ubuntu", "18.04"}}})
		}
	}
	if _, err := root.Stat(buildProgram); len(all) == 0 && err == nil {
		all = append(all, targetOf{OS: "linux"})
	}
	return all
}

// checkTarget returns an error if the buildpack is not for t.
func (b Buildpack) checkTarget(t Target) error {
	if len(b.targets) == 0 {
		return nil
	}
	var wanted []string
	for _, w := range b.targets {
		if w.matches(t) {
			return nil
		}
		wanted = append(wanted, w.String())
	}
	return fmt.Errorf("it is for another target: %s; this is %s", strings.Join(wanted, ", "),
		strings.Join(strings.Fields(t.OS+"/"+t.Arch+" "+t.DistroName+" "+t.DistroVersion), " "))
}

func (w targetOf) matches(t Target) bool {
	same := func(want, is string) bool { return want == "" || is == "" || want == is }
	if !same(w.OS, t.OS) || !same(w.Arch, t.Arch) {
		return false
	}
	for _, d := range w.Distros {
		if t.DistroName+t.DistroVersion != "" && same(d.Name, t.DistroName) && same(d.Version, t.DistroVersion) {
			return true
		}
	}
	return len(w.Distros) == 0
}

func (w targetOf) String() string {
	text := w.OS
	if w.Arch != "" {
		text += "/" + w.Arch
	}
	for i, d := range w.Distros {
		separator := " "
		if i > 0 {
			separator = " or "
		}
		text += strings.TrimRight(separator+d.Name+" "+d.Version, " ")
	}
	return strings.TrimSpace(text)
}
