package node

// twin is a release of a package manager of which two sites serve different files.
type twin struct {
	tool, version string
	pin           string // the digest of the file of the manager's own site, which corepack writes
	registry      string // the digest of the file in the npm registry's package
}

// twins are the known ones. Both digests of each are compared whole: the pin is taken for what it is only with
// the file that the registry has always served, so it protects as before. Of Yarn, corepack pins bin/yarn.js.
var twins = []twin{{
	"yarn", "4.9.1",
	"sha512.f95ce356460e05be48d66401c1ae64ef84d163dd689964962c6888a9810865e39097a5e9de748876c2e0bf89b232d583c339827" +
		"73e9903ae7a76257270986538",
	"sha512.4d6ab01b3f899acf40a54647f7fbabd7bb6ab70b8b2196e8a0cba3fb5e2fef2c9f659445c8959cc677353eeb643b9e4cca3b9e7" +
		"448ad960dd84d5e111e07ce8c",
}}

// Twin returns the digest that a version's file has in the npm registry, where pin is known to be the digest
// of the same version's file on its authors' own site; else "". Digests are "algorithm.hex" in lower case.
func Twin(tool, version, pin string) string {
	for _, t := range twins {
		if t.tool == tool && t.version == version && t.pin == pin {
			return t.registry
		}
	}
	return ""
}
