package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

// TestProgressFitsTheTerminal draws texts of narrow, wide and combining characters: the line must
// never fill the terminal's width, or it would wrap and leave its first half behind.
func TestProgressFitsTheTerminal(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("x", 200), strings.Repeat("構", 200), strings.Repeat("e\u0301", 200),
		"🚀 " + strings.Repeat("ビルド", 40),
	} {
		for _, width := range []int{21, 40, 80} {
			var out bytes.Buffer
			line := progressLine{what: text, done: 5, total: 10}
			line.draw(&out, width)
			drawn, ok := strings.CutPrefix(out.String(), "\r\x1b[K")
			if cells := runewidth.StringWidth(drawn); !ok || cells >= width || cells < width-3 {
				t.Errorf("%d cells of %d: %q", cells, width, drawn)
			}
		}
	}
}
