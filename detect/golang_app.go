package detect

// GoApp holds the facts of a Go app.
type GoApp struct {
	Module      string   // module path of go.mod; "" for a go.work without a root go.mod
	Workspace   bool     // there is a go.work
	Members     []string // go.work use directories, cleaned, relative to the root
	Around      string   // the go.work above a member that joins it with others, "../../go.work"; "" if there is none
	GoVersion   string   // highest `go` directive; "" if there is none
	Toolchain   string   // highest `toolchain` directive without its suffix, "go1.25.1"; "" if none
	Install     []string // package patterns of the comment `// +heroku install …`
	Vendored    bool     // vendor/modules.txt exists, of a member's go.work in its directory
	HasSum      bool     // go.sum or go.work.sum exists
	HasRequires bool     // there is a require directive
	Web         bool     // it needs much of the standard library: it requires modules, or imports net/http
}
