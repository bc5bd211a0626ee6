package main

import (
	"slices"
	"strings"
	"testing"

	"slugc/.ci/bench/measure"
)

func numbers(rows []row) (list []string) {
	for _, r := range rows {
		list = append(list, r.number)
	}
	return list
}

func TestSelectRows(t *testing.T) {
	all, err := selectRows("")
	if err != nil || len(all) != len(allRows) {
		t.Errorf("no list is %v, %v", numbers(all), err)
	}
	rows, err := selectRows("10b, 4,7")
	if got := strings.Join(numbers(rows), " "); err != nil || got != "4 7a 7b 7c 10b" {
		t.Errorf("the rows are %s, %v", got, err)
	}
	if _, err := selectRows("4,99"); err == nil || !strings.Contains(err.Error(), `"99"`) {
		t.Errorf("a row that does not exist: %v", err)
	}
}

// TestScenarios: each thing that a row is about is measured by one scenario, and no scenario measures
// anything else.
func TestScenarios(t *testing.T) {
	wanted, measured := map[string]bool{}, map[string]int{}
	for _, r := range allRows {
		wanted[r.own] = true
		if r.other != "" {
			wanted[r.other] = true
		}
		if (r.goal.Factor > 0) != (r.other != "") {
			t.Errorf("row %s: the goal is %s, the comparison %q", r.number, r.goal, r.other)
		}
	}
	for _, s := range scenarios {
		for _, thing := range s.things {
			measured[thing]++
			if !wanted[thing] {
				t.Errorf("%s: no row is about %s", s.name, thing)
			}
		}
	}
	for thing := range wanted {
		if thing != peakOfBuilds && measured[thing] != 1 {
			t.Errorf("%d scenarios measure %s", measured[thing], thing)
		}
	}
}

// TestFill: a row has times of samples, or values of its own; it says what is missing.
func TestFill(t *testing.T) {
	b := &bench{
		samples: map[string][]measure.Sample{
			oneLine: {{Wall: 1, CPU: 1}}, pigz: {{Wall: 60, CPU: 100}}, gzip: {{Wall: 9}}, fullPack: {{Wall: 1}},
			copyDeps: {{Wall: 3}},
		},
		values: map[string][]float64{fullSize: {104}, gzipSize: {100}, depsNew: {0}, depsCost: {0.02}},
		absent: map[string]string{archived: "the reason"},
	}
	for _, test := range []struct {
		number, verdict string
		measured, ratio float64
	}{
		{"4", "met", 1, 1. / 60}, {"7a", "met", 1, 1. / 9}, {"7b", "met", 104, 1.04}, {"9a", "missed", 0.02, 0.02 / 3},
		{"9b", "met", 0, 0}, {"7c", "not measured: the reason", 0, 0}, {"5", "not measured: the run ended before", 0, 0},
	} {
		rows, err := selectRows(test.number)
		if err != nil {
			t.Fatal(err)
		}
		got := rows[0].fill(b)
		if got.Verdict != test.verdict || got.Measured.Median != test.measured || got.Ratio != test.ratio {
			t.Errorf("row %s: %+v", test.number, got)
		}
	}
}

// TestAlternate: each round has all things that the rows need, one after the other, and no others.
func TestAlternate(t *testing.T) {
	rows, err := selectRows("4")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{ctx: t.Context(), rows: rows}
	var done []string
	note := func(thing string) step {
		return step{[]string{thing}, func(int) error { done = append(done, thing); return nil }}
	}
	if err := b.alternate(2, note(oneLine), note(pigz), note(gzip)); err != nil {
		t.Fatal(err)
	}
	if want := []string{oneLine, pigz, oneLine, pigz}; !slices.Equal(done, want) {
		t.Errorf("%q are done, want %q", done, want)
	}
}

func TestEnvironment(t *testing.T) {
	for variable, want := range map[string]bool{
		"SLUGC_HOME=x": true, "npm_config_cache=x": true, "GOFLAGS=x": true, "GOMODCACHE=x": true, "MAKEFLAGS=x": true,
		"RUBYOPT=x": true, "PATH=x": false, "HOME=x": false, "GOROOT=x": false, "HTTPS_PROXY=x": false,
	} {
		if got := hidden.MatchString(variable); got != want {
			t.Errorf("%s is hidden: %t", variable, got)
		}
	}
}
