package node_test

import (
	"path/filepath"
	"testing"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/node"
	"slugc/cache/testkit"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		manifest string
		plans    []int // requirements of each plan
		fails    bool
	}{
		"a Node app":       {`{ "name": "a" }`, []int{1, 0}, false},
		"no Node app":      {"", []int{0}, false},
		"broken manifest":  {"{", nil, true},
		"odd Node version": {`{ "engines": { "node": "node20" } }`, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.manifest != "" {
				testkit.Write(t, filepath.Join(dir, "package.json"), tt.manifest)
			}
			got, err := node.Detect(libcnb.DetectContext{ApplicationPath: dir})
			if (err != nil) != tt.fails || got.Pass == tt.fails || len(got.Plans) != len(tt.plans) {
				t.Fatalf("got %+v, %v", got, err)
			}
			for i, plan := range got.Plans {
				if len(plan.Provides) != 1 || plan.Provides[0].Name != "node" || len(plan.Requires) != tt.plans[i] {
					t.Errorf("plan %d is %+v", i, plan)
				}
			}
		})
	}
}
