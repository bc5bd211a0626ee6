package node

import (
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
	"go.yaml.in/yaml/v3"

	"slugc/buildpacks/tree"
	"slugc/detect/lazyregexp"
)

// rc is what the app's own files say to its package manager. They beat every default of the build.
type rc struct {
	settings map[string]bool // npm's names, as canonical writes them: "fetch_retries"
	yarn     map[string]bool // names in .yarnrc.yml: "httpRetry"
	registry string          // the registry that only pnpm-workspace.yaml names, "" for none
	used     []reference
}

// reference is a variable of the environment that a file's value names.
type reference struct {
	file     string
	name     string // "NPM_TOKEN"
	written  string // what stands between ${ and }: "NPM_TOKEN:-x"
	fallback string // its value where the variable is not set
	optional bool   // the file itself says what holds then
	registry bool   // the value is a registry's address
}

// value is what the reference stands for. get finds a variable.
func (r reference) value(get func(name string) (string, bool)) string {
	value, set := get(r.name)
	if !set || value == "" && strings.HasPrefix(r.written, r.name+":-") {
		return r.fallback
	}
	return value
}

// expression is a variable as npm, pnpm and Yarn write it: ${A}, ${A-x}, ${A:-x} and ${A?}.
// One after a backslash is text.
var expression = lazyregexp.New(`(\\?)\$\{(([A-Za-z_][A-Za-z0-9_]*)(:?-([^}]*)|\?)?)\}`)

// readRC reads the files that the app's package manager reads. One that cannot be read says nothing: the
// package manager refuses it.
func (b *work) readRC() rc {
	r := rc{settings: map[string]bool{}, yarn: map[string]bool{}}
	files := []string{".npmrc"}
	for name, value := range b.env.user {
		switch canonical(name) {
		case "npm_config_userconfig", "npm_config_globalconfig":
			files = append(files, value)
		}
	}
	for _, file := range files {
		r.npmrc(file, b.readOwn(file))
	}
	switch b.app.Manager {
	case "yarn":
		r.yarnrc(b.readOwn(".yarnrc"))
	case "berry":
		r.yarnrcYML(b.readOwn(".yarnrc.yml"))
	case "pnpm":
		r.pnpmWorkspace(b.readOwn("pnpm-workspace.yaml"))
	case "bun":
		r.bunfig(b.readOwn("bunfig.toml"))
	}
	return r
}

// readOwn returns a file of the project, nil where there is none.
func (b *work) readOwn(file string) []byte {
	if filepath.IsAbs(file) {
		file, _ = filepath.Rel(b.inProject("."), file)
	}
	data, err := tree.ReadIn(b.inProject("."), file, maxManifest)
	if err != nil {
		return nil
	}
	return data
}

// npmrc takes an .npmrc: lines of key=value (npm's ini). A section's keys are no settings.
func (r *rc) npmrc(file string, data []byte) {
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			return
		}
		if strings.HasPrefix(line, ";") || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		key = strings.TrimSuffix(strings.Trim(strings.TrimSpace(key), `"'`), "[]")
		if key == "" {
			continue
		}
		r.settings[settingName(key)] = true
		r.refer(file, value, key == "registry" || strings.HasSuffix(key, ":registry"))
	}
}

// yarnrc takes Yarn 1's .yarnrc: lines of key "value". A key may be a flag for one command:
// --install.registry.
func (r *rc) yarnrc(data []byte) {
	for line := range strings.Lines(string(data)) {
		key, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		key = strings.Trim(key, `":`)
		if flag, ok := strings.CutPrefix(key, "--"); ok {
			key = flag[strings.LastIndex(flag, ".")+1:]
		}
		if key != "" && !strings.HasPrefix(key, "#") {
			r.settings[settingName(key)] = true
		}
	}
}

// yarnrcYML takes the .yarnrc.yml of Yarn 2 and newer.
func (r *rc) yarnrcYML(data []byte) {
	var doc yaml.Node
	if yaml.Unmarshal(data, &doc) != nil || len(doc.Content) == 0 {
		return
	}
	top := doc.Content[0]
	for i := 0; i+1 < len(top.Content); i += 2 {
		r.yarn[top.Content[i].Value] = true
	}
	r.referYAML(".yarnrc.yml", top, false)
}

// referYAML collects the variables that the values below a node name. Aliases are not followed: what they
// stand for is met where it is defined.
func (r *rc) referYAML(file string, node *yaml.Node, registry bool) {
	switch node.Kind {
	case yaml.ScalarNode:
		r.refer(file, node.Value, registry)
	case yaml.SequenceNode:
		for _, item := range node.Content {
			r.referYAML(file, item, registry)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			r.referYAML(file, node.Content[i+1], node.Content[i].Value == "npmRegistryServer")
		}
	}
}

// pnpmWorkspace takes the settings in a pnpm-workspace.yaml.
func (r *rc) pnpmWorkspace(data []byte) {
	var doc map[string]any
	if yaml.Unmarshal(data, &doc) != nil {
		return
	}
	if text, _ := doc["registry"].(string); !r.settings["registry"] && !strings.Contains(text, "$") {
		r.registry = text
	}
	for key := range doc {
		r.settings[snakeCase(key)] = true
	}
	if registries, _ := doc["registries"].(map[string]any); registries["default"] != nil {
		r.settings["registry"] = true
	}
}

// bunfig takes the settings of a bunfig.toml that the environment would beat.
func (r *rc) bunfig(data []byte) {
	var doc struct {
		Install struct{ Registry, Cafile, CA any }
	}
	if toml.Unmarshal(data, &doc) != nil {
		return
	}
	r.settings["registry"] = r.settings["registry"] || doc.Install.Registry != nil
	r.settings["cafile"] = r.settings["cafile"] || doc.Install.Cafile != nil || doc.Install.CA != nil
}

// refer collects the variables that a value names.
func (r *rc) refer(file, value string, registry bool) {
	for _, m := range expression.FindAllStringSubmatch(value, -1) {
		if m[1] == "" {
			r.used = append(r.used, reference{
				file: file, name: m[3], written: m[2], fallback: m[5], optional: m[4] != "", registry: registry,
			})
		}
	}
}

// sets reports whether a file sets what a variable of the environment would set.
func (r rc) sets(variable string) bool {
	name := canonical(variable)
	for _, prefix := range []string{"npm_config_", "pnpm_config_"} {
		if setting, ok := strings.CutPrefix(name, prefix); ok {
			return r.settings[setting] || setting == "cafile" && r.settings["ca"]
		}
	}
	if setting, ok := strings.CutPrefix(name, "yarn_"); ok {
		return r.yarn[camelCase(strings.ReplaceAll(setting, "_", "-"))]
	}
	return false
}

// settingName writes a key of .npmrc as it stands in variables: fetch-retries is fetch_retries.
func settingName(key string) string { return strings.ToLower(strings.ReplaceAll(key, "-", "_")) }

// snakeCase writes a setting of pnpm-workspace.yaml as it stands in variables: fetchRetries is
// fetch_retries.
func snakeCase(key string) string {
	var text strings.Builder
	for _, char := range key {
		if char >= 'A' && char <= 'Z' {
			text.WriteByte('_')
		}
		text.WriteRune(char)
	}
	return strings.ToLower(text.String())
}

// camelCase writes a setting of .npmrc as YAML files do: fetch-timeout is fetchTimeout.
func camelCase(name string) string {
	words := strings.Split(name, "-")
	for i, word := range words[1:] {
		if word != "" {
			words[i+1] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}
