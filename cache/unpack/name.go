package unpack

import (
	"path"
	"slices"
	"strings"
)

// clean checks the name of an entry and returns it without "." and doubled slashes; "." stands for
// the root itself.
func (l Limits) clean(name string) (string, *Refusal) {
	switch {
	case name == "":
		return "", refuse(name, "is an empty name")
	case len(name) > l.PathLen:
		// Checked before anything whose time depends on the length.
		return "", tooLarge(name, "has a path of %d bytes; %d are allowed", len(name), l.PathLen)
	case strings.IndexByte(name, 0) >= 0:
		return "", refuse(name, "has a NUL in its name")
	case name[0] == '/':
		return "", refuse(name, "has an absolute name")
	}
	depth := 0
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "..":
			return "", refuse(name, `has ".." in its name`)
		case part == "" || part == ".":
			continue
		case len(part) > l.NameLen:
			return "", tooLarge(name, "has a component of %d bytes; %d are allowed", len(part), l.NameLen)
		}
		depth++
	}
	if depth > l.Depth {
		return "", tooLarge(name, "is %d directories deep; %d are allowed", depth, l.Depth)
	}
	return path.Clean(name), nil
}

// strip drops n leading components of a clean name. It returns "" if nothing is left.
func strip(name string, n int) string {
	for ; n > 0 && name != ""; n-- {
		_, name, _ = strings.Cut(name, "/")
	}
	return name
}

// CheckLink checks the target of a symbolic link at name, a clean path relative to the root. It
// returns a [*Refusal] if the target is empty, absolute and not in Runs, or leads out of the root. The
// target need not exist.
func (l Limits) CheckLink(name, target string) error {
	l = l.OrDefault()
	switch {
	case target == "":
		return refuse(name, "is a link to nothing")
	case len(target) > l.PathLen:
		return tooLarge(name, "is a link with a target of %d bytes; %d are allowed", len(target), l.PathLen)
	case strings.IndexByte(target, 0) >= 0:
		return refuse(name, "is a link with a NUL in its target")
	case l.Runs != "" && within(target, l.Runs):
		return nil
	case target[0] == '/':
		r := refuse(name, "is a link to %q, an absolute path", shorten(target))
		r.Target = shorten(target)
		return r
	}
	if to := path.Join(path.Dir(name), target); to == ".." || strings.HasPrefix(to, "../") {
		r := refuse(name, "is a link to %q, which leads out of the tree", shorten(target))
		r.Target = shorten(target)
		return r
	}
	return nil
}

// within reports whether an absolute target is dir or in it by its text alone: without "..", which
// leads elsewhere behind a link.
func within(target, dir string) bool {
	rest, ok := strings.CutPrefix(target, dir)
	return ok && (rest == "" || rest[0] == '/') && !slices.Contains(strings.Split(rest, "/"), "..")
}

// CheckName returns a [*Refusal] if name may not be an entry of a tree with these limits.
func (l Limits) CheckName(name string) error {
	if _, err := l.OrDefault().clean(name); err != nil {
		return err
	}
	return nil
}

// climbsAfterDescent reports whether a target has ".." after a name, as in "a/../../b". If "a" is a
// link, such a target leads elsewhere than its text says, which [Limits.CheckLink] cannot know.
// Every other target that passes CheckLink stays inside.
func climbsAfterDescent(target string) bool {
	descended := false
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if descended {
				return true
			}
		default:
			descended = true
		}
	}
	return false
}
