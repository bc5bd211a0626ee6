package nodelts_test

import (
	"testing"
	"time"

	"slugc/detect/nodelts"
)

func TestStart(t *testing.T) {
	t.Parallel()
	for major, want := range map[int]string{
		4: "2015-10-28", 18: "2022-10-28", 20: "2023-10-28", 22: "2024-10-28", 24: "2025-10-28", 26: "2026-10-28",
		27: "2027-10-28", 28: "2028-10-28",
		0: "", 5: "", 21: "", 25: "",
	} {
		got, ok := nodelts.Start(major)
		if text := got.Format(time.DateOnly); ok != (want != "") || ok && text != want {
			t.Errorf("Start(%d) = %s, %v; want %s", major, text, ok, want)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	if got, ok := nodelts.Line("jod"); got != 22 || !ok {
		t.Errorf("jod is %d, %v", got, ok)
	}
	for _, name := range []string{"", "Jod", "zirconium", "22"} {
		if got, ok := nodelts.Line(name); ok {
			t.Errorf("%q is %d", name, got)
		}
	}
}
