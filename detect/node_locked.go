package detect

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
)

// lockedAsks returns what the packages in a lock file of npm or Yarn ask for, by their names. Other package
// managers take nothing from the workspace for a package of a registry.
func lockedAsks(file string, text []byte) map[string][]string {
	switch path.Base(file) {
	case "package-lock.json", "npm-shrinkwrap.json":
		return npmLocked(text)
	case "yarn.lock":
		return yarnLocked(string(text))
	}
	return nil
}

func npmLocked(text []byte) map[string][]string {
	var doc struct {
		Packages map[string]struct {
			Dependencies, OptionalDependencies, PeerDependencies map[string]string
		}
	}
	asks := map[string][]string{}
	if json.Unmarshal(text, &doc) != nil {
		return asks
	}
	for key, p := range doc.Packages {
		if at := strings.LastIndex(key, "node_modules/"); at >= 0 {
			name := key[at+len("node_modules/"):]
			for _, deps := range []map[string]string{p.Dependencies, p.OptionalDependencies, p.PeerDependencies} {
				asks[name] = slices.AppendSeq(asks[name], maps.Keys(deps))
			}
		}
	}
	return asks
}

// yarnLocked reads the entries of yarn.lock, of any version: a line of descriptors without indent, then blocks of
// names with their versions.
func yarnLocked(text string) map[string][]string {
	asks := map[string][]string{}
	name, inBlock := "", false
	for line := range strings.Lines(text) {
		word := strings.Trim(strings.Fields(line + " .")[0], `":,`)
		switch {
		case !strings.HasPrefix(line, " "):
			at := strings.Index(word[min(1, len(word)):], "@") + 1
			name, inBlock = word[:max(at, 0)], false
		case !strings.HasPrefix(line, "    "):
			inBlock = slices.Contains([]string{"dependencies", "optionalDependencies", "peerDependencies"}, word)
		case inBlock && name != "":
			asks[name] = append(asks[name], word)
		}
	}
	return asks
}

// throughOthers returns the members that packages of a registry ask for, which a package itself asks for, and those
// that they ask for, and so on.
func (g *nodeGraph) throughOthers(p nodeManifest) []string {
	var found []string
	seen := map[string]bool{}
	for queue := slices.Collect(maps.Keys(p.asks)); len(queue) > 0; queue = queue[1:] {
		for _, name := range g.locked[queue[0]] {
			if !seen[name] {
				seen[name] = true
				if to := g.named[name]; to != "" {
					found = append(found, to)
				} else {
					queue = append(queue, name)
				}
			}
		}
	}
	return found
}
