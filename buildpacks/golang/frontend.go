package golang

import (
	"fmt"
	"path"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/tree"
	"slugc/detect/lazyregexp"
)

// noMatch matches what the go command says of a file that is to be embedded and is not there.
var noMatch = lazyregexp.New(`(?m)^(?:\./)?(\S+?):\d+:\d+: pattern (?:all:)?(\S+): no matching files found`)

// explainEmbedded says of files that are to be embedded and are not there how to make them, where they are
// the output of a package.json's build script.
func (b *work) explainEmbedded(d *diagnosis.Diagnosis, output []byte) {
	m := noMatch.FindStringSubmatch(string(output))
	if d.ID != "go/embed-missing" || m == nil {
		return
	}
	for dir := path.Join(path.Dir(m[1]), m[2]); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if !tree.IsFile(b.Path(path.Join(dir, "package.json"))) {
			continue
		}
		d.Hints = []string{
			fmt.Sprintf("%s has a package.json: commit another at the app's root, and Node.js builds before Go. "+
				"Its script `build` is `npm --prefix %s ci --include=dev && npm --prefix %s run build`", dir, dir, dir),
			fmt.Sprintf("or build %s where the app is released, and commit %s", dir, m[2]),
		}
		return
	}
}
