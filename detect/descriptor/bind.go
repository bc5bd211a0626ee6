package descriptor

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"slugc/detect/lazyregexp"
)

// maxElements bounds a list and a table.
const maxElements = 1000

// binder fills structs from a document. A field's tag `key` is its name in the file; a field "Place" gets the place
// of its struct. What values must be like the struct's rules say.
type binder struct {
	doc     *document
	unknown []unknownKey
}

// unknownKey is a key that no field has.
type unknownKey struct {
	path, name string
	known      []string // the keys that exist there
}

// bind fills to with the value at the path.
func (b *binder) bind(path string, from any, to reflect.Value, r rule) error {
	switch to.Interface().(type) {
	case Duration, Size:
		return b.measure(path, from, to, r)
	}
	switch to.Kind() {
	case reflect.String:
		return b.text(path, from, to, r)
	case reflect.Bool:
		value, ok := from.(bool)
		if !ok {
			return b.wrongType(path, from, "true or false", r)
		}
		to.SetBool(value)
		return nil
	case reflect.Int, reflect.Int64:
		return b.number(path, from, to, r)
	case reflect.Pointer:
		value := reflect.New(to.Type().Elem())
		to.Set(value)
		return b.bind(path, from, value.Elem(), r)
	case reflect.Slice:
		return b.list(path, from, to, r)
	case reflect.Map:
		return b.table(path, from, to, r)
	case reflect.Struct:
		return b.fields(path, from, to, r)
	}
	panic("descriptor: no value of a file can be a " + to.Type().String())
}

// wrongType is the error of a value of another type.
func (b *binder) wrongType(path string, from any, want string, r rule) error {
	return b.doc.invalid(path, fmt.Sprintf("is %s; it should be %s", kind(from), want), hints(r)...)
}

func hints(r rule) []string {
	if r.hint == "" {
		return nil
	}
	return []string{r.hint}
}

// shortly quotes a text of which the beginning will do.
func shortly(text string) string {
	const enough = 60
	if r := []rune(text); len(r) > enough {
		text = string(r[:enough]) + "…"
	}
	return strconv.Quote(text)
}

// kind names a value's type for people.
func kind(from any) string {
	switch from.(type) {
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int64, float64, json.Number:
		return "a number"
	case map[string]any:
		return "a table"
	case nil:
		return "null"
	case time.Time:
		return "a date"
	}
	return "a list"
}

func (b *binder) text(path string, from any, to reflect.Value, r rule) error {
	value, ok := from.(string)
	if !ok {
		return b.wrongType(path, from, "a text, between quotes", r)
	}
	if err := b.check(path, value, r); err != nil {
		return err
	}
	to.SetString(value)
	return nil
}

// check holds a text to its rule.
func (b *binder) check(path, value string, r rule) error {
	if len(r.enum) > 0 && !slices.Contains(r.enum, value) {
		return b.doc.invalid(path, fmt.Sprintf("is %s; it should be %s", shortly(value), oneOf(r.enum)),
			append(meant(value, r.enum), hints(r)...)...)
	}
	if r.pattern != "" && !matches(r.pattern, value) {
		return b.doc.invalid(path, "can't be "+shortly(value), hints(r)...)
	}
	return nil
}

// compiled are the patterns of rules that were used, by their text.
var compiled sync.Map

// matches reports whether a text matches a rule's pattern.
func matches(pattern, text string) bool {
	re, ok := compiled.Load(pattern)
	if !ok {
		re, _ = compiled.LoadOrStore(pattern, lazyregexp.New(pattern))
	}
	return re.(*lazyregexp.Regexp).MatchString(text)
}

// oneOf lists texts: `"a", "b" or "c"`.
func oneOf(list []string) string {
	quoted := make([]string, len(list))
	for i, text := range list {
		quoted[i] = fmt.Sprintf("%q", text)
	}
	last := len(quoted) - 1
	if last == 0 {
		return quoted[0]
	}
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

func (b *binder) number(path string, from any, to reflect.Value, r rule) error {
	value, ok := from.(int64)
	if text, isJSON := from.(json.Number); isJSON {
		n, err := text.Int64()
		value, ok = n, err == nil
	}
	if !ok || value < 0 || value > math.MaxInt32 {
		return b.wrongType(path, from, "a whole number from 0", r)
	}
	to.SetInt(value)
	return nil
}

// measure reads a duration or a size.
func (b *binder) measure(path string, from any, to reflect.Value, r rule) error {
	value, ok := from.(string)
	if !ok {
		return b.wrongType(path, from, "a text, between quotes", r)
	}
	var n int64
	var err error
	if to.Type() == reflect.TypeFor[Size]() {
		n, err = ParseSize(value)
	} else {
		var d time.Duration
		if d, err = time.ParseDuration(value); err == nil && d <= 0 {
			err = fmt.Errorf("it is no time")
		}
		n = int64(d)
	}
	if err != nil || !matches(r.pattern, value) {
		return b.doc.invalid(path, "can't be "+shortly(value), hints(r)...)
	}
	to.SetInt(n)
	return nil
}

func (b *binder) list(path string, from any, to reflect.Value, r rule) error {
	list, ok := values(from)
	if !ok {
		return b.wrongType(path, from, "a list", r)
	}
	if len(list) > maxElements {
		return b.doc.invalid(path, fmt.Sprintf("has %d elements; %d are allowed", len(list), maxElements))
	}
	to.Set(reflect.MakeSlice(to.Type(), len(list), len(list)))
	for i, value := range list {
		if err := b.bind(element(path, i), value, to.Index(i), r); err != nil {
			return err
		}
	}
	return nil
}

// table fills a map.
func (b *binder) table(path string, from any, to reflect.Value, r rule) error {
	table, ok := from.(map[string]any)
	if !ok {
		return b.wrongType(path, from, "a table", r)
	}
	if len(table) > maxElements {
		return b.doc.invalid(path, fmt.Sprintf("has %d entries; %d are allowed", len(table), maxElements))
	}
	to.Set(reflect.MakeMap(to.Type()))
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if r.names != "" && !matches(r.names, name) {
			return b.doc.invalid(path, "can't have the name "+shortly(name), hints(r)...)
		}
		value := reflect.New(to.Type().Elem()).Elem()
		if err := b.bind(key(path, name), table[name], value, r); err != nil {
			return err
		}
		to.SetMapIndex(reflect.ValueOf(name), value)
	}
	return nil
}

// fields fills a struct.
func (b *binder) fields(path string, from any, to reflect.Value, r rule) error {
	table, ok := from.(map[string]any)
	if !ok {
		return b.wrongType(path, from, "a table", r)
	}
	known := map[string]int{}
	for i := range to.NumField() {
		field := to.Type().Field(i)
		if name := field.Tag.Get("key"); name != "" {
			known[name] = i
		} else if field.Name == "Place" {
			to.Field(i).SetString(b.doc.place(path))
		}
	}
	names, rules := slices.Sorted(maps.Keys(known)), rulesOf(to.Type())
	for _, name := range slices.Sorted(maps.Keys(table)) {
		i, ok := known[name]
		if table[name] == nil { // null in JSON
			continue
		}
		if !ok {
			b.unknown = append(b.unknown, unknownKey{key(path, name), name, names})
			continue
		}
		if err := b.bind(key(path, name), table[name], to.Field(i), rules[name]); err != nil {
			return err
		}
	}
	return nil
}

// meant is the hint that names what was probably meant; none if nothing is near.
func meant(name string, known []string) []string {
	best, least := "", max(len(name)/3, 1)+1
	for _, k := range known {
		if strings.HasPrefix(k, name+"-") {
			best, least = k, 0
		}
		if d := distance(strings.ToLower(name), k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return nil
	}
	return []string{fmt.Sprintf("did you mean %q?", best)}
}

// distance is the Levenshtein distance of two texts, of which the first may be long.
func distance(a, b string) int {
	if len(a) > 3*len(b) {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
