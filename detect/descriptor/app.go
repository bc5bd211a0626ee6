package descriptor

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// App is what slugc uses of app.json.
type App struct {
	Vars      []Var          `json:"vars,omitempty"`      // config vars that the app needs, by name
	Formation map[string]int `json:"formation,omitempty"` // how many instances a type has in the app's first release
	// Predeploy is a command that runs in the app after the buildpacks, as the last part of the build
	// (scripts.dokku.predeploy).
	Predeploy string `json:"predeploy,omitempty"`
	// Postdeploy is a command that sets the app up: it runs once, with the app's first release (scripts.postdeploy).
	Postdeploy string `json:"postdeploy,omitempty"`
	Stack      string `json:"stack,omitempty"`
}

// Var is a config var that app.json asks for.
type Var struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Value       string `json:"value,omitempty"`    // for the first release, if the app has none
	Secret      bool   `json:"secret,omitempty"`   // a random value is made for the first release
	Required    bool   `json:"required,omitempty"` // the app does not work without it
	Place       string `json:"place"`              // "app.json:7"
}

// Missing are the variables that the app needs, has not and gets no value for.
func (a *App) Missing(config map[string]string) (list []Var) {
	if a == nil {
		return nil
	}
	for _, v := range a.Vars {
		if _, has := config[v.Name]; !has && v.Required && v.Value == "" && !v.Secret {
			list = append(list, v)
		}
	}
	return list
}

// appFile is app.json.
type appFile struct {
	Buildpacks []appBuildpack        `key:"buildpacks"`
	Env        map[string]appVar     `key:"env"`
	Formation  map[string]appProcess `key:"formation"`
	Scripts    appScripts            `key:"scripts"`
	Stack      string                `key:"stack"`
}

type appBuildpack struct {
	URL   string `key:"url"`
	Place string
}

type appVar struct {
	Description string `key:"description"`
	Value       string `key:"value"`
	Required    *bool  `key:"required"`
	Generator   string `key:"generator"`
	Place       string
}

type appProcess struct {
	Quantity *int `key:"quantity"`
}

type appScripts struct {
	Postdeploy string `key:"postdeploy"`
	Dokku      struct {
		Predeploy string `key:"predeploy"`
	} `key:"dokku"`
}

func (appFile) rules() map[string]rule {
	return map[string]rule{
		"env":       {names: varName, hint: "write a name of letters, digits and _"},
		"formation": {names: typeName, hint: "write a process type's name"},
		"stack":     {pattern: stackName},
	}
}

func (appBuildpack) rules() map[string]rule {
	return map[string]rule{"url": {pattern: reference, hint: "write one reference, without spaces"}}
}

func (appVar) rules() map[string]rule {
	return map[string]rule{"generator": {enum: []string{"secret"}}}
}

// aboutApp are the keys of app.json that describe the app to people. Nobody expects them to do anything in a build.
var aboutApp = []string{"$schema", "name", "description", "keywords", "website", "repository", "logo", "success_url"}

// herokus are the other keys that Heroku and Dokku define.
var herokus = []string{
	"buildpacks", "env", "formation", "scripts", "stack", "addons", "cron", "environments", "healthchecks", "image",
}

// app reads app.json. Other tools have a file of that name too, React Native for one: without any key of Heroku's it
// is theirs.
func (r *reader) app() error {
	data, ok, err := r.file(AppFile)
	if err != nil || !ok {
		return err
	}
	doc, err := parseJSON(AppFile, data)
	names := func(key string) bool { return strings.Contains(string(data), `"`+key+`"`) }
	if err != nil && slices.ContainsFunc(herokus, names) {
		return err
	}
	if err != nil || !slices.ContainsFunc(herokus, func(key string) bool { return doc.root[key] != nil }) {
		return nil
	}
	normalise(doc.root)
	var f appFile
	b := binder{doc: doc}
	if err := b.fields("", doc.root, reflect.ValueOf(&f).Elem(), rule{}); err != nil {
		return err
	}
	var unused []string
	for _, u := range b.unknown {
		if !slices.Contains(aboutApp, u.path) {
			unused = append(unused, u.path)
		}
	}
	r.ignores(AppFile, unused)
	return r.takeApp(f)
}

// normalise writes the short forms of app.json out: a text for a variable or a buildpack. It reads what people write
// for a text and for true.
func normalise(root map[string]any) {
	if env, ok := root["env"].(map[string]any); ok {
		for name, value := range env {
			if _, long := value.(map[string]any); !long && value != nil {
				value = map[string]any{"value": value}
			}
			if v, ok := value.(map[string]any); ok {
				switch plain := v["value"].(type) {
				case json.Number, bool:
					v["value"] = fmt.Sprint(plain)
				}
				if required, err := strconv.ParseBool(fmt.Sprint(v["required"])); err == nil {
					v["required"] = required
				}
				env[name] = v
			}
		}
	}
	// Once, a formation was a list.
	if list, ok := values(root["formation"]); ok {
		types := map[string]any{}
		for _, value := range list {
			entry, _ := value.(map[string]any)
			if name, ok := entry["process"].(string); ok {
				delete(entry, "process")
				types[name] = entry
			}
		}
		if len(types) == len(list) {
			root["formation"] = types
		}
	}
	list, _ := values(root["buildpacks"])
	for i, value := range list {
		if text, ok := value.(string); ok {
			list[i] = map[string]any{"url": text}
		}
	}
}

// takeApp takes what app.json says.
func (r *reader) takeApp(f appFile) error {
	var list []Use
	for _, bp := range f.Buildpacks {
		if bp.URL == "" {
			return problemAt(bp.Place, AppFile+": a buildpack has no url", `write { "url": "…" }`)
		}
		list = append(list, Use{Ref: bp.URL, Place: bp.Place})
	}
	r.choose(AppFile, list)
	a := &App{
		Formation: map[string]int{}, Stack: f.Stack,
		Predeploy:  strings.TrimSpace(f.Scripts.Dokku.Predeploy),
		Postdeploy: strings.TrimSpace(f.Scripts.Postdeploy),
	}
	for _, name := range slices.Sorted(maps.Keys(f.Env)) {
		v := f.Env[name]
		a.Vars = append(a.Vars, Var{
			Name: name, Description: v.Description, Value: v.Value, Secret: v.Generator != "",
			Required: v.Required == nil || *v.Required, Place: v.Place,
		})
	}
	for _, name := range slices.Sorted(maps.Keys(f.Formation)) {
		q := f.Formation[name].Quantity
		if q == nil {
			continue
		}
		if *q > maxInstances {
			return problemAt(AppFile, fmt.Sprintf("%s: formation.%s asks for %d instances; %d are allowed",
				AppFile, name, *q, maxInstances), "write a smaller quantity")
		}
		a.Formation[name] = *q
	}
	r.d.App = a
	if a.Predeploy != "" {
		r.d.Post = append(r.d.Post, predeploy(a.Predeploy))
	}
	return nil
}

// maxInstances is the most that a formation can have of a type.
const maxInstances = 1000

// predeploy is the buildpack of scripts.dokku.predeploy: it runs after all others, in the app, with what they offer.
func predeploy(command string) Use {
	script := Script{API: "0.10", Shell: "/bin/sh -e", Inline: command}
	return Use{ID: "app.json/predeploy", Script: &script, Place: AppFile}
}
