package descriptor_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/detect/descriptor"
)

// TestApp reads an app.json that uses what Heroku and dokku define.
func TestApp(t *testing.T) {
	t.Parallel()
	d, warnings := read(t, files("app.json", `{
  "$schema": "x", "name": "Shop", "description": "d", "keywords": ["k"], "website": "w", "repository": "r",
  "logo": "l", "success_url": "/", "image": "heroku/ruby", "addons": ["openredis"],
  "stack": "heroku-24",
  "env": {
    "WEB_CONCURRENCY": 5,
    "SECRET_TOKEN": {"generator": "secret", "description": "signs cookies"},
    "API_KEY": {"description": "of the bank", "required": true},
    "PLAIN": {},
    "OPTIONAL": {"required": "false", "value": null}
  },
  "formation": {"web": {"quantity": 2, "size": "standard-1x"}, "worker": {"quantity": 0}, "clock": {}},
  "scripts": {
    "postdeploy": " rake seed ", "test": "rake", "dokku": {"predeploy": "rake assets", "postdeploy": "notify"}
  },
  "cron": [], "healthchecks": {}, "environments": {"test": {}}
}`), "")
	want := &descriptor.App{
		Vars: []descriptor.Var{
			{Name: "API_KEY", Description: "of the bank", Required: true, Place: "app.json:8"},
			{Name: "OPTIONAL", Place: "app.json:10"},
			{Name: "PLAIN", Required: true, Place: "app.json:9"},
			{Name: "SECRET_TOKEN", Description: "signs cookies", Secret: true, Required: true, Place: "app.json:7"},
			{Name: "WEB_CONCURRENCY", Value: "5", Required: true, Place: "app.json:6"},
		},
		Formation: map[string]int{"web": 2, "worker": 0},
		Predeploy: "rake assets", Postdeploy: "rake seed", Stack: "heroku-24",
	}
	if diff := cmp.Diff(want, d.App); diff != "" {
		t.Errorf("the app:\n%s", diff)
	}
	unused := "app.json: slugc does not use addons, cron, environments, formation.web.size, healthchecks, image, " +
		"scripts.dokku.postdeploy, scripts.test."
	if diff := cmp.Diff([]string{unused}, warnings); diff != "" {
		t.Errorf("warnings:\n%s", diff)
	}
	after := " id=app.json/predeploy version= optional=false at app.json 0.10 /bin/sh -e \"rake assets\"\n"
	if got := show(d.Post); got != after {
		t.Errorf("after the buildpacks: %s", got)
	}
	var missing []string
	for _, v := range d.App.Missing(map[string]string{"PLAIN": ""}) {
		missing = append(missing, v.Name)
	}
	if diff := cmp.Diff([]string{"API_KEY"}, missing); diff != "" {
		t.Errorf("missing:\n%s", diff)
	}
}

// TestOldFormation reads a formation in the form that app.json once had.
func TestOldFormation(t *testing.T) {
	t.Parallel()
	d, warnings := read(t, files("app.json", `{"formation": [{"process": "web", "quantity": 3}]}`), "")
	if d.App.Formation["web"] != 3 || warnings != nil {
		t.Errorf("got %v, %q", d.App.Formation, warnings)
	}
}

// TestOthersApp reads files of other tools, which have the same name: nothing is said of them.
func TestOthersApp(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"name": "Shop", "displayName": "Shop"}`,
		`{"expo": {"name": "Shop", "env": {}, "scripts": []}}`,
		"{\n  // a comment\n  expo: {},\n}",
		`{"pages": ["pages/index"], "window": {}}`,
	} {
		if d, warnings := read(t, files("app.json", text), ""); d.App != nil || warnings != nil {
			t.Errorf("%s: got %+v, %q", text, d.App, warnings)
		}
	}
}

// TestScript lays out an inline buildpack and runs it.
func TestScript(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := descriptor.Script{API: "0.10", Shell: "/bin/sh", Inline: "set -e\necho \"built in $PWD\"\nfalse\necho no"}
	for name, file := range script.Files("me/inline", "") {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, file.Data, file.Mode); err != nil {
			t.Fatal(err)
		}
	}
	about, err := os.ReadFile(dir + "/buildpack.toml")
	if err != nil {
		t.Fatal(err)
	}
	want := "api = \"0.10\"\n\n[buildpack]\n  id = \"me/inline\"\n  version = \"0.0.0\"\n\n" +
		"[[targets]]\n  os = \"linux\"\n"
	if diff := cmp.Diff(want, string(about)); diff != "" {
		t.Errorf("buildpack.toml:\n%s", diff)
	}
	if out, err := exec.Command(dir + "/bin/detect").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("bin/detect: %v %s", err, out)
	}
	build := exec.Command(dir + "/bin/build")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err == nil || string(out) != "built in "+dir+"\n" {
		t.Errorf("bin/build: %v %s", err, out)
	}
}
