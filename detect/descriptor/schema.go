package descriptor

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
)

// Schema returns the JSON Schema, of draft 2020-12, of a project.toml with the table [com.slugc]. It says of that
// table what [Read] allows there, as far as a schema can, and nothing of others.
func Schema() ([]byte, error) {
	object := func(name string, of any) map[string]any {
		return map[string]any{"type": "object", "properties": map[string]any{name: of}}
	}
	slugc := schemaOf(reflect.TypeFor[Settings](), rule{doc: "What slugc reads for a build of this app."})
	slugc["not"] = map[string]any{"required": []string{"include", "exclude"}}
	schema := object("com", object("slugc", slugc))
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "slugc's settings in project.toml"
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(schema)
	return bytes.TrimSpace(text.Bytes()), err
}

// schemaOf is the schema of a value that has a rule.
func schemaOf(t reflect.Type, r rule) map[string]any {
	schema := map[string]any{}
	text := func() map[string]any {
		of := map[string]any{"type": "string"}
		if r.pattern != "" {
			of["pattern"] = r.pattern
		}
		if len(r.enum) > 0 {
			of["enum"] = r.enum
		}
		return of
	}
	switch {
	case t.Kind() == reflect.String, t == reflect.TypeFor[Duration](), t == reflect.TypeFor[Size]():
		schema = text()
	case t.Kind() == reflect.Int:
		schema["type"], schema["minimum"], schema["maximum"] = "integer", 0, math.MaxInt32
	case t.Kind() == reflect.Slice:
		schema["type"], schema["items"], schema["maxItems"] = "array", text(), maxElements
	case t.Kind() == reflect.Map:
		schema["type"], schema["additionalProperties"], schema["maxProperties"] = "object", text(), maxElements
		schema["propertyNames"] = map[string]any{"pattern": r.names}
	case t.Kind() == reflect.Struct:
		properties := map[string]any{}
		for _, s := range settingsOf(t) {
			properties[s.key] = schemaOf(s.of, s.rule)
		}
		schema["type"], schema["properties"], schema["additionalProperties"] = "object", properties, false
	default:
		panic("descriptor: there is no schema of a " + t.String())
	}
	if r.doc != "" {
		schema["description"] = r.doc
	}
	return schema
}

// setting is a key of a struct.
type setting struct {
	key  string
	of   reflect.Type
	rule rule
}

// settingsOf lists a struct's keys in its order.
func settingsOf(t reflect.Type) (list []setting) {
	rules := rulesOf(t)
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("key"); name != "" {
			list = append(list, setting{name, t.Field(i).Type, rules[name]})
		}
	}
	return list
}

// Reference returns the settings of [com.slugc] as a table in Markdown, from what the schema is made of.
func Reference() string {
	var b strings.Builder
	b.WriteString("| key | what it is for |\n|---|---|\n")
	for _, s := range settingsOf(reflect.TypeFor[Settings]()) {
		b.WriteString("| `" + s.key + "` | " + s.rule.doc + " |\n")
		if s.of.Kind() == reflect.Struct {
			for _, sub := range settingsOf(s.of) {
				b.WriteString("| `" + s.key + "." + sub.key + "` | " + sub.rule.doc + " |\n")
			}
		}
	}
	return b.String()
}
