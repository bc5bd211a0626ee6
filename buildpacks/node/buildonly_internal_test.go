package node

import (
	"testing"

	"slugc/cache/testkit"
	"slugc/detect"
)

// TestBuildOnly holds for which apps Node stays out of the slug: Rails apps that nothing at run time calls it in.
func TestBuildOnly(t *testing.T) {
	t.Parallel()
	lock := func(gems string) string {
		return "GEM\n  remote: https://gems.example.com/\n  specs:\n" + gems + "\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n"
	}
	rails, rack := lock("    railties (7.1.0)\n    jsbundling-rails (1.3)\n"), lock("    rack (3.1.0)\n")
	for name, tt := range map[string]struct {
		lock, procfile, keep string
		alone, want          bool
	}{
		"Rails":                     {lock: rails, want: true},
		"with a Procfile":           {lock: rails, procfile: "web: bundle exec puma\nworker: bin/jobs\n", want: true},
		"Rails by switch":           {lock: rails, keep: "true"},
		"a switch that is off":      {lock: rails, keep: "0", want: true},
		"a process of Node":         {lock: rails, procfile: "web: bundle exec puma\nssr: node ssr.js\n"},
		"a process of a script":     {lock: rails, procfile: "web: bin/web\n"},
		"execjs":                    {lock: lock("    execjs (2.9.1)\n    railties (7.1.0)\n")},
		"a Rack app":                {lock: rack},
		"no Ruby app":               {},
		"a Node app with a Gemfile": {lock: rails, alone: true},
	} {
		files := map[string]string{
			"package.json": "{}", "bin/web": "#!/bin/sh\nexec yarn start\n", "bin/jobs": "#!ruby\n",
		}
		if tt.lock != "" {
			files["Gemfile"], files["Gemfile.lock"] = "", tt.lock
		}
		if tt.procfile != "" {
			files["Procfile"] = tt.procfile
		}
		b := &work{Build: frame(testkit.Tree(t, t.TempDir(), files)), app: &detect.NodeApp{}}
		b.assisting = !tt.alone
		b.CNB.Platform.Environment = map[string]string{KeepEnv: tt.keep}
		if err := b.findBuildOnly(); err != nil || b.buildOnly != tt.want {
			t.Errorf("%s: left out %t, %v", name, b.buildOnly, err)
		}
		if types := b.everywhere(); types.Launch == tt.want || !types.Build || !types.Cache {
			t.Errorf("%s: the layers are %+v", name, types)
		}
	}
}
