package detect

import (
	"encoding/json"
	"path"
	"strings"

	"slugc/detect/lazyregexp"
)

// staticServer is the tool that serves static files.
const staticServer = "sirv-cli"

// wantedStatic reads slugc.static of package.json: true, a directory, or {"dir": …, "spa": …}. It returns nil
// where there is none, or false.
func (s *scan) wantedStatic(p pkg) (*NodeFramework, error) {
	text := strings.TrimSpace(string(p.static))
	if text == "" || text == "false" || text == "null" {
		return nil, nil
	}
	var wish struct {
		Dir *string `json:"dir"`
		SPA *bool   `json:"spa"`
	}
	var dir string
	switch {
	case text == "true":
	case json.Unmarshal(p.static, &dir) == nil:
		wish.Dir = &dir
	case json.Unmarshal(p.static, &wish) != nil:
		return nil, badStatic("is not what it should be")
	}
	f := s.framework(p)
	if f == nil || len(f.Output) == 0 {
		f = &NodeFramework{Output: usualOutput}
	}
	f.Web, f.Wanted, f.Hints = "", true, nil
	if wish.Dir != nil {
		dir := inTree(*wish.Dir)
		if dir == "" || strings.HasPrefix(dir, "-") {
			return nil, badStatic("names a directory that is not in the app")
		}
		f.Output = []string{dir}
	}
	if wish.SPA != nil {
		f.SPA = *wish.SPA
	}
	return f, nil
}

func badStatic(why string) *Error {
	return &Error{
		ID: "node/static-invalid", Place: "package.json slugc.static", Summary: "package.json slugc.static " + why,
		Hints: []string{`write it as "slugc": { "static": { "dir": "dist", "spa": true } }`},
	}
}

// serveConfig takes over what serve.json, the configuration of the program "serve", says of the directory and
// of index.html as the answer to all paths. What else it says is for that program.
func (s *scan) serveConfig(f *NodeFramework) error {
	data, ok, err := s.read("serve.json")
	if err != nil || !ok {
		return err
	}
	var config struct {
		Public   string
		Rewrites []struct{ Source, Destination string }
		Headers, Redirects,
		CleanURLs, TrailingSlash, Unlisted, DirectoryListing json.RawMessage
	}
	if json.Unmarshal(data, &config) != nil {
		s.warn("serve.json is not valid JSON: it is left alone")
		return nil
	}
	if dir := inTree(config.Public); config.Public != "" && dir != "" {
		f.Output = append([]string{dir}, f.Output...)
	}
	other := config.Headers != nil || config.Redirects != nil || config.TrailingSlash != nil
	for _, r := range config.Rewrites {
		all := r.Source == "**" || r.Source == "/**" || r.Source == "*" || r.Source == "/*"
		if all && strings.TrimPrefix(r.Destination, "/") == "index.html" {
			f.SPA = true
		} else {
			other = true
		}
	}
	if other {
		s.warn("serve.json has settings that only the program `serve` knows: " +
			"to have them, add serve to the dependencies and start it in a Procfile")
	}
	return nil
}

// usualOutput is where build scripts leave a site.
var usualOutput = []string{"dist", "build", "out", "public", "_site"}

var (
	viteOut    = lazyregexp.New(`\boutDir\s*:\s*["']([^"']+)["']`)
	vueOut     = lazyregexp.New(`\boutputDir\s*:\s*["']([^"']+)["']`)
	svelteOut  = lazyregexp.New(`\b(?:out|pages)\s*:\s*["']([^"']+)["']`)
	nextExport = lazyregexp.New(`\boutput\s*:\s*["']export["']`)
	noSSR      = lazyregexp.New(`\bssr\s*:\s*false\b`)
	outOption  = lazyregexp.New(`--(?:outDir|out-dir|dist-dir|dest|output|output-path)[= ]["']?([^\s"'&;|]+)`)
	outCommand = lazyregexp.New(`\b(?:vitepress|vuepress) build ([^\s&;|-][^\s&;|]*)`)
)

// config returns the text of a tool's configuration file, whatever its extension, "" for none.
func (s *scan) config(base string) string {
	for _, ext := range []string{".js", ".ts", ".mjs", ".mts", ".cjs", ".cts"} {
		if data, ok := s.readUpTo(base+ext, 256<<10); ok {
			return string(data)
		}
	}
	return ""
}

// outputOf returns where a tool leaves its output: as its build script or its configuration says, else usual.
func outputOf(script, config string, setting *lazyregexp.Regexp, usual string) string {
	for _, m := range [][]string{outOption.FindStringSubmatch(script), setting.FindStringSubmatch(config)} {
		if m != nil && inTree(m[1]) != "" && !strings.HasPrefix(m[1], "-") {
			return inTree(m[1])
		}
	}
	return usual
}

// angularOutput returns where Angular leaves its output: the first project's outputPath. Its browser part is
// in "browser" from version 17 on.
func (s *scan) angularOutput(name string) []string {
	data, _ := s.readUpTo("angular.json", 1<<20)
	type target struct{ Options struct{ OutputPath any } }
	var doc struct {
		DefaultProject string
		Projects       map[string]struct{ Architect, Targets map[string]target }
	}
	dir := path.Join("dist", name)
	if json.Unmarshal(data, &doc) == nil {
		project := doc.DefaultProject
		for one := range doc.Projects {
			if len(doc.Projects) == 1 || project == "" && one == name {
				project = one
			}
		}
		if project != "" {
			dir = path.Join("dist", project)
			found := doc.Projects[project]
			build, ok := found.Architect["build"]
			if !ok {
				build = found.Targets["build"]
			}
			switch out := build.Options.OutputPath.(type) {
			case string:
				dir = out
			case map[string]any:
				if base, ok := out["base"].(string); ok {
					dir = base
				}
			}
		}
	}
	if dir = inTree(dir); dir == "" {
		return []string{"dist"}
	}
	return []string{path.Join(dir, "browser"), dir, "dist"}
}
