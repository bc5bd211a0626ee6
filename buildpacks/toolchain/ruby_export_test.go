package toolchain

// PickRuby resolves a constraint against plain versions.
func PickRuby(constraint string, versions []string) (version, exact string, err error) {
	w, err := parseRuby(constraint)
	if err != nil {
		return "", "", err
	}
	version, _ = w.pick(&listing{versions: versions})
	return version, w.exact, nil
}
