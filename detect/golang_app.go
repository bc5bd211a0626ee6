package detect

// GoApp is what the Go detector learnt of an app.
type GoApp struct {
	Module      string   // module path of go.mod; "" for a go.work without a root go.mod
	Workspace   bool     // a go.work is in force
	Members     []string // go.work use directories, cleaned, relative to the root
	GoVersion   string   // highest `go` directive, "" where there is none
	Toolchain   string   // highest `toolchain` directive, as written ("go1.25.1") but without a suffix; "" where none
	Install     []string // package patterns of `// +heroku install …`
	Vendored    bool     // vendor/modules.txt exists
	HasSum      bool     // go.sum or go.work.sum exists
	HasRequires bool     // any require directive
}
