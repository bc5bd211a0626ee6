package launch

import (
	"slices"
	"strconv"
	"strings"
)

// A process's PATH and LANG, unless a config var sets them.
const (
	defaultPath = "/usr/local/bin:/usr/bin:/bin"
	defaultLang = "C.UTF-8"
)

// Environment returns the process's whole environment, K=V, each name once. A config var cannot set HOME,
// PWD, DYNO and PS, SLUGC_LAUNCHER of an app with mounts, and PORT only where o has no port.
func (o RunOptions) Environment() []string {
	home := o.inside()
	own := []string{"HOME=" + home, "PWD=" + home, "DYNO=" + o.Dyno, "PS=" + o.Dyno}
	if o.Port > 0 {
		own = append(own, "PORT="+strconv.Itoa(o.Port))
	}
	if len(o.Mounts) > 0 && o.Self != "" {
		own = append(own, launcherVariable+"="+o.launcher())
	}
	env := []string{"PATH=" + defaultPath, "LANG=" + defaultLang}
	if o.Terminal != "" {
		env = append(env, "TERM="+o.Terminal)
	}
	for _, entry := range append(slices.Clone(o.Env), own...) {
		name, _, found := strings.Cut(entry, "=")
		if !found || name == "" {
			continue
		}
		env = append(without(env, name), entry)
	}
	return env
}

// without removes the entry of a name from env, in place.
func without(env []string, name string) []string {
	return slices.DeleteFunc(env, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
}
