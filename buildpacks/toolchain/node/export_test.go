package node

// LTSStart is tested by table.
var LTSStart = ltsStart

// NpmFor chooses an npm, of versions with their engines, to go with a Node.
func NpmFor(engines map[string]string, node string) string {
	p := packument{Versions: map[string]manifest{}}
	for v, e := range engines {
		p.Versions[v] = manifest{Node: e, Bin: map[string]string{"npm": "bin/npm-cli.js"}}
	}
	return npmFor(p, node)
}
