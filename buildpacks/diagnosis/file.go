package diagnosis

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"slugc/cache/beneath"
	"slugc/cache/disk"
	"slugc/detect/lazyregexp"
)

// The bounds of what [Read] accepts. A longer text is cut, a larger file refused.
const (
	maxFile  = 64 << 10 // bytes of the whole file
	maxText  = 4 << 10  // bytes of a summary or a hint
	maxPlace = 512      // bytes of a place
	maxID    = 128      // bytes of an id
	maxHints = 8
)

var validID = lazyregexp.New(`^[a-z][a-z0-9]*/[a-z0-9]+(-[a-z0-9]+)*$`)

// Write writes d to the file at path, the value of [Env]. The file is written whole or not at all.
func Write(path string, d *Diagnosis) error {
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("writing diagnosis %q: %w", path, err)
	}
	if err := disk.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing diagnosis: %w", err)
	}
	return nil
}

// Read reads what [Write] wrote. The file is untrusted: it must be a regular file of at most 64 KiB
// with a well-formed id. Texts are cut to 4 KiB, control characters (line breaks too) become
// spaces, and a place outside the app is dropped. The error of a missing file is
// [io/fs.ErrNotExist].
func Read(path string) (*Diagnosis, error) {
	dir, err := beneath.Open(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("reading diagnosis: %w", err)
	}
	defer dir.Close()
	data, err := dir.ReadFile(filepath.Base(path), maxFile)
	if err != nil {
		return nil, fmt.Errorf("reading diagnosis %q: %w", path, beneath.Reason(err))
	}
	var d Diagnosis
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("reading diagnosis %q: %w", path, err)
	}
	if !validID.MatchString(d.ID) || len(d.ID) > maxID {
		const form = "language/kebab-words"
		return nil, fmt.Errorf("reading diagnosis %q: %q is no id of the form %s", path, Line(d.ID, maxID), form)
	}
	d.tidy()
	if d.Summary == "" {
		return nil, fmt.Errorf("reading diagnosis %q: no summary", path)
	}
	return &d, nil
}

// tidy makes every text of d safe to print on one line.
func (d *Diagnosis) tidy() {
	d.Summary = Line(d.Summary, maxText)
	d.Place = Line(d.Place, maxPlace)
	if d.Place != "" && !filepath.IsLocal(d.Place) {
		d.Place = ""
	}
	d.Newer = Line(d.Newer, maxID)
	hints := d.Hints[:min(len(d.Hints), maxHints)]
	d.Hints = nil
	for _, hint := range hints {
		if hint = Line(hint, maxText); hint != "" {
			d.Hints = append(d.Hints, hint)
		}
	}
}

// Line returns text as one printable line of at most limit bytes, without format characters such
// as bidirectional overrides.
func Line(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return ' '
		case r == utf8.RuneError || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	if len(text) <= limit {
		return text
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}
