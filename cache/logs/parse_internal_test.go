package logs

import (
	"bytes"
	"testing"
)

// FuzzParse reads any line as a stored record, which must be read the same when it is stored again.
func FuzzParse(f *testing.F) {
	f.Add([]byte("2026-11-25T19:00:00.123456Z v3 app[web.1]: hello"))
	f.Add([]byte("2026-11-25T19:00:00.123456Z - slugc[follow]: a]: b\x00"))
	f.Add([]byte("2026-11-25T19:00:00.123456Z v-1 app[]: "))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, ok := parse(line)
		if !ok || bytes.ContainsRune(line, '\n') {
			return
		}
		again, ok := parse(bytes.TrimSuffix(r.appendTo(nil), []byte("\n")))
		if !ok || again != r {
			t.Errorf("%q is %+v, then %+v", line, r, again)
		}
	})
}
