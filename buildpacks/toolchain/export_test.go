package toolchain

import "time"

// SetPause shortens the pause before a retry.
func (st *Store) SetPause(d time.Duration) { st.web.pause = d }

// LTSFrom, NpmFor and Show are tested by table.
var (
	LTSFrom  = ltsFrom
	ShowText = showText
)

// PickNode resolves a constraint against plain versions, and against the codenames of a source that
// knows them.
func PickNode(
	constraint string,
	versions []string,
	lts map[string]string,
	now time.Time,
	wide bool,
) (version, note string, err error) {
	w, err := parseNode(constraint, wide, func() time.Time { return now })
	if err != nil {
		return "", "", err
	}
	version, note = w.pick(&listing{versions: versions, lts: lts})
	return version, note, nil
}

// PickGo resolves a constraint against plain versions.
func PickGo(constraint string, versions []string) (version, exact string, err error) {
	w, err := parseGo(constraint)
	if err != nil {
		return "", "", err
	}
	version, _ = w.pick(&listing{versions: versions})
	return version, w.exact, nil
}

// PickManager resolves a constraint on a package manager.
func PickManager(tool, constraint string, versions []string, tags map[string]string) (string, error) {
	w, err := parseManager(tool, constraint)
	if err != nil {
		return "", err
	}
	v, _ := w.pick(&listing{versions: versions, tags: tags})
	return v, nil
}

// NpmFor chooses an npm of a list of versions and their engines.
func NpmFor(engines map[string]string, node string) string {
	p := packument{Versions: map[string]edition{}}
	for v, e := range engines {
		p.Versions[v] = edition{Node: e, Bin: map[string]string{"npm": "bin/npm-cli.js"}}
	}
	return npmFor(p, node)
}

// PickJDK resolves a constraint on a JDK against plain versions.
func PickJDK(constraint string, versions []string) (version, exact string, err error) {
	w, err := parseJDK(constraint)
	if err != nil {
		return "", "", err
	}
	version, _ = w.pick(&listing{versions: versions})
	return version, w.exact, nil
}

// JavaRelease is tested by table.
var JavaRelease = javaRelease
