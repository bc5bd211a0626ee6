package detect_test

import (
	"testing"

	"slugc/detect"
)

// engines makes a tree with engines.node and more files as name, content pairs.
func engines(node string, more ...string) files {
	return pkg(`{"engines": {"node": "`+node+`"}}`, more...)
}

const enginesNode = " from package.json engines.node"

var nodeVersionRows = []row{
	{"range", engines(">= 18  <23"), nil, ok("node >= 18 <23" + enginesNode)},
	{"exact", engines("v20.11.0"), nil, ok("node =20.11.0" + enginesNode)},
	{"latest", engines("latest"), nil, ok("node *" + enginesNode)},
	{"~=", engines("~=20.1"), nil, ok("node ~=20.1" + enginesNode)},
	{"trailing or", engines("^18 ||"), nil, ok("node ^18 ||" + enginesNode)},
	{"comma", engines(">=18, <20"), nil, fails("node/engines-invalid at package.json engines.node")},
	{"lts is no range", engines("lts/*"), nil, fails("node/engines-invalid at package.json engines.node")},
	{"configuration first", engines("20.x", ".nvmrc", "20"), env{"SLUGC_NODE_VERSION": "20.19.5"},
		ok("node =20.19.5 from SLUGC_NODE_VERSION")},
	{"configuration against engines", engines("20.x"), env{"SLUGC_NODE_VERSION": "22"},
		warned("node 22 from SLUGC_NODE_VERSION",
			"SLUGC_NODE_VERSION asks for 22 and package.json engines.node says 20.x; using SLUGC_NODE_VERSION")},
	{"configuration alias", pkg("{}"), env{"SLUGC_NODE_VERSION": "lts/jod"},
		ok("node lts/jod from SLUGC_NODE_VERSION")},
	{"configuration invalid", engines("20.x"), env{"SLUGC_NODE_VERSION": "twenty"},
		fails("node/version-invalid at SLUGC_NODE_VERSION")},
	{"configuration blank", engines("20.x"), env{"SLUGC_NODE_VERSION": " "}, ok("node 20.x" + enginesNode)},
	{"engines and .nvmrc", engines("22.x", ".nvmrc", "20.11.0"), nil,
		warned("node 22.x"+enginesNode,
			"package.json engines.node asks for 22.x and .nvmrc says 20.11.0; using package.json")},
	{"a pin that satisfies engines", engines("22.x", ".nvmrc", "v22.1.0\n"), nil, ok("node 22.x" + enginesNode)},
	{"overlapping ranges", engines(">=18", ".nvmrc", "20"), nil, ok("node >=18" + enginesNode)},
	{"ranges apart", engines("18.x || 20.x", ".node-version", "22"), nil,
		warned("node 18.x || 20.x"+enginesNode,
			"package.json engines.node asks for 18.x || 20.x and .node-version says 22; using package.json")},
	{"codename inside engines", engines(">=20", ".nvmrc", "lts/jod"), nil, ok("node >=20" + enginesNode)},
	{"codename outside engines", engines("20.x", ".nvmrc", "lts/jod"), nil,
		warned("node 20.x"+enginesNode,
			"package.json engines.node asks for 20.x and .nvmrc says lts/jod; using package.json")},
	{"codename not known here", engines("20.x", ".nvmrc", "lts/zirconium"), nil, ok("node 20.x" + enginesNode)},
	{"loser is junk", engines("20.x", ".nvmrc", "<<<<"), nil,
		warned("node 20.x"+enginesNode, `.nvmrc says "<<<<", which is not a node version; using package.json`)},
	{".nvmrc", pkg("{}", ".nvmrc", "20"), nil, ok("node 20 from .nvmrc")},
	{".nvmrc exact", pkg("{}", ".nvmrc", "v20.11.0"), nil, ok("node =20.11.0 from .nvmrc")},
	{".nvmrc with mark, CRLF, comments", pkg("{}", ".nvmrc", "\ufeff# node\r\n\r\n v20.11 # why\r\n"), nil,
		ok("node v20.11 from .nvmrc")},
	{".nvmrc lts/*", pkg("{}", ".nvmrc", "lts/*"), nil, ok("node lts/* from .nvmrc")},
	{".nvmrc codename", pkg("{}", ".nvmrc", "lts/Jod"), nil, ok("node lts/jod from .nvmrc")},
	{".nvmrc node", pkg("{}", ".nvmrc", "node"), nil, ok("node * from .nvmrc")},
	{".nvmrc stable", pkg("{}", ".nvmrc", "stable"), nil, ok("node * from .nvmrc")},
	{".nvmrc range", pkg("{}", ".nvmrc", ">=18 <21"), nil, ok("node >=18 <21 from .nvmrc")},
	{".nvmrc io.js", pkg("{}", ".nvmrc", "iojs-v3.3.1"), nil, fails("node/iojs at .nvmrc")},
	{".nvmrc system", pkg("{}", ".nvmrc", "system"), nil, fails("node/version-invalid at .nvmrc")},
	{".nvmrc two lines", pkg("{}", ".nvmrc", "20\n22\n"), nil, fails("node/version-invalid at .nvmrc")},
	{".nvmrc empty", pkg("{}", ".nvmrc", "\n", ".node-version", "20"), nil, ok("node 20 from .node-version")},
	{".nvmrc before .node-version", pkg("{}", ".nvmrc", "20", ".node-version", "18"), nil,
		warned("node 20 from .nvmrc", ".nvmrc asks for 20 and .node-version says 18; using .nvmrc")},
	{".node-version with prefix", pkg("{}", ".node-version", "node-v20.1.0"), nil,
		ok("node =20.1.0 from .node-version")},
	{".tool-versions", pkg("{}", ".tool-versions", "# c\nruby 3.3.9\r\nnodejs 20.1.0 18.0.0\r\n"), nil,
		ok("node =20.1.0 from .tool-versions nodejs")},
	{".tool-versions node", pkg("{}", ".tool-versions", "node 20"), nil, ok("node 20 from .tool-versions node")},
	{".tool-versions latest:", pkg("{}", ".tool-versions", "nodejs latest:20"), nil,
		ok("node 20 from .tool-versions nodejs")},
	{".tool-versions ref", pkg("{}", ".tool-versions", "nodejs ref:abc"), nil,
		fails("node/version-invalid at .tool-versions nodejs")},
	{"mise string", pkg("{}", "mise.toml", "[tools]\nnode = \"22\"\n"), nil, ok("node 22 from mise.toml tools.node")},
	{"mise lts", pkg("{}", "mise.toml", "\ufeff[tools]\r\nnode = \"lts\"\r\n"), nil,
		ok("node lts/* from mise.toml tools.node")},
	{"mise list", pkg("{}", ".mise.toml", "[tools]\nnodejs = [\"22\", \"20\"]\n"), nil,
		ok("node 22 from .mise.toml tools.nodejs")},
	{"mise table", pkg("{}", "mise.toml", "[tools]\nnode = {version = \"22.1.0\"}\n"), nil,
		ok("node =22.1.0 from mise.toml tools.node")},
	{"mise broken", pkg("{}", "mise.toml", "[tools\n"), nil,
		warned("node  from default",
			"mise.toml is not valid TOML and was ignored: "+
				"toml: line 2: expected '.' or ']' to end table name, but got '\\n' instead")},
	{"volta", pkg(`{"volta": {"node": "20.1.0"}, "engines": {"node": ">=18"}}`), nil,
		ok("node =20.1.0 from package.json volta.node")},
	{"volta against engines", pkg(`{"volta": {"node": "20.1.0"}, "engines": {"node": "22.x"}}`), nil,
		warned("node =20.1.0 from package.json volta.node",
			"package.json volta.node asks for 20.1.0 and package.json engines.node says 22.x; using volta.node")},
	{"devEngines", pkg(`{"devEngines": {"runtime": {"name": "node", "version": "^22"}}}`), nil,
		ok("node ^22 from package.json devEngines.runtime")},
	{"devEngines list",
		pkg(`{"devEngines": {"runtime": [{"name": "deno", "version": "2"}, {"name": "node", "version": "^22"}]}}`),
		nil, ok("node ^22 from package.json devEngines.runtime")},
	{"engines before devEngines",
		pkg(`{"engines": {"node": "24"}, "devEngines": {"runtime": {"name": "node", "version": "^22"}}}`), nil,
		warned("node 24"+enginesNode,
			"package.json engines.node asks for 24 and package.json devEngines.runtime says ^22; using engines.node")},
}

func TestNodeVersion(t *testing.T) { check(t, detect.ForNode, nodeVersionRows) }
