package lifecycle_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"slugc/cache/testkit"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// recorded returns what bin/build of each buildpack has recorded.
func recorded(t *testing.T, app string) map[string]string {
	t.Helper()
	seen := map[string]string{}
	root := filepath.Join(app, "record")
	walk(t, root, func(name, text string) {
		switch {
		case strings.HasSuffix(name, ".env"):
			text = withoutPaths(text)
		case strings.HasSuffix(name, ".plan"):
			text = sortedPlan(t, text)
		case strings.HasSuffix(name, ".toml"):
			text = asJSON(t, text)
		}
		seen[name] = text
	})
	return seen
}

// withoutPaths removes the value of the variable whose path is of a temporary directory.
func withoutPaths(env string) string {
	var lines []string
	for line := range strings.Lines(env) {
		if strings.HasPrefix(line, "CNB_BP_PLAN_PATH=") {
			line = "CNB_BP_PLAN_PATH\n"
		}
		lines = append(lines, strings.Replace(line, "CNB_LAYERS_DIR=/layers/", "CNB_LAYERS_DIR=/app/.layers/", 1))
	}
	return strings.Join(lines, "")
}

// sortedPlan returns a plan with its entries sorted by name: the lifecycle's order of names is random.
func sortedPlan(t *testing.T, text string) string {
	t.Helper()
	var plan struct {
		Entries []struct {
			Name     string
			Metadata map[string]any
		}
	}
	decodeTOML(t, text, &plan)
	var lines []string
	for _, e := range plan.Entries {
		lines = append(lines, fmt.Sprintf("%s %v\n", e.Name, e.Metadata))
	}
	slices.SortStableFunc(lines, func(a, b string) int {
		return strings.Compare(strings.Fields(a)[0], strings.Fields(b)[0])
	})
	return strings.Join(lines, "")
}

// layersOf returns the layers that have types, with their files.
func layersOf(t *testing.T, app string, group []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, id := range group {
		dir := filepath.Join(app, ".layers", id)
		files, err := filepath.Glob(filepath.Join(dir, "*.toml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".toml")
			text := asJSON(t, testkit.Read(t, file))
			if !strings.Contains(text, "true") {
				continue
			}
			all[id+"/"+name+".toml"] = text
			walk(t, filepath.Join(dir, name), func(file, text string) { all[id+"/"+name+"/"+file] = text })
		}
	}
	walk(t, filepath.Join(app, ".layers/sbom"), func(name, text string) {
		if !strings.HasSuffix(name, "sbom.legacy.json") { // of API 0.6 and older
			all["sbom/"+name] = text
		}
	})
	return all
}

// walk calls do for each file of a tree, if there is one.
func walk(t *testing.T, root string, do func(name, text string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if path == root && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.Type().IsRegular() {
			rel, _ := filepath.Rel(root, path)
			do(rel, testkit.Read(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func decodeTOML(t *testing.T, text string, v any) {
	t.Helper()
	if _, err := toml.Decode(text, v); err != nil {
		t.Fatal(err)
	}
}

func asJSON(t *testing.T, text string) string {
	t.Helper()
	var v any
	decodeTOML(t, text, &v)
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
