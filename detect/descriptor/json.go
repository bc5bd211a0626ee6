package descriptor

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// parseJSON parses a file. Unlike encoding/json alone it refuses a name that occurs twice in an object.
func parseJSON(file string, data []byte) (*document, error) {
	text := string(data)
	if err := checkText(file, text); err != nil {
		return nil, err
	}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		place := file
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			place = at(file, 1+strings.Count(text[:min(int(e.Offset), len(text))], "\n"))
		}
		return nil, problemAt(place, fmt.Sprintf("%s is not valid JSON: %v", file, err), "fix the line")
	}
	r := jsonReader{
		file: file, text: text, line: 1, lines: map[string]int{}, dec: json.NewDecoder(strings.NewReader(text)),
	}
	r.dec.UseNumber()
	value, err := r.value("", 0)
	if err != nil {
		return nil, err
	}
	root, ok := value.(map[string]any)
	if !ok {
		return nil, problemAt(at(file, 1), file+" is not a JSON object", "begin the file with { and end it with }")
	}
	return &document{file, root, r.lines}, nil
}

// jsonReader reads a valid JSON text by its tokens.
type jsonReader struct {
	file, text string
	dec        *json.Decoder
	lines      map[string]int
	line, seen int // the line of the byte at seen
}

// here returns the line that the last token ends on.
func (r *jsonReader) here() int {
	offset := int(r.dec.InputOffset())
	r.line += strings.Count(r.text[r.seen:offset], "\n")
	r.seen = offset
	return r.line
}

// value reads the next value, which has the path.
func (r *jsonReader) value(path string, depth int) (any, error) {
	token, err := r.dec.Token()
	if err != nil {
		return nil, problemAt(at(r.file, r.here()), fmt.Sprintf("%s is not valid JSON: %v", r.file, err),
			"fix the line")
	}
	if r.lines[path] == 0 {
		r.lines[path] = r.here()
	}
	if depth > maxDepth || len(path) > maxPath {
		return nil, tooDeep(r.file, r.here())
	}
	switch token {
	case json.Delim('{'):
		return r.object(path, depth)
	case json.Delim('['):
		return r.list(path, depth)
	}
	return token, nil
}

func (r *jsonReader) list(path string, depth int) (any, error) {
	list := []any{}
	for r.dec.More() {
		v, err := r.value(element(path, len(list)), depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := r.dec.Token()
	return list, err
}

func (r *jsonReader) object(path string, depth int) (any, error) {
	object := map[string]any{}
	for r.dec.More() {
		token, err := r.dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		at := key(path, name)
		if _, twice := object[name]; twice {
			return nil, problemAt(fmt.Sprintf("%s:%d", r.file, r.here()),
				fmt.Sprintf("%s has %q twice", r.file, at), "leave one of them")
		}
		r.lines[at] = r.here()
		if object[name], err = r.value(at, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := r.dec.Token()
	return object, err
}
