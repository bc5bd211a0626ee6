package table_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/.ci/bench/measure"
	"slugc/.ci/bench/table"
)

func TestSummarize(t *testing.T) {
	for name, test := range map[string]struct {
		values []float64
		want   table.Summary
	}{
		"none":  {nil, table.Summary{}},
		"one":   {[]float64{3}, table.Summary{Median: 3, Min: 3, Max: 3}},
		"odd":   {[]float64{9, 1, 2}, table.Summary{Median: 2, Min: 1, Max: 9}},
		"even":  {[]float64{4, 1, 2, 100}, table.Summary{Median: 3, Min: 1, Max: 100}},
		"equal": {[]float64{5, 5}, table.Summary{Median: 5, Min: 5, Max: 5}},
	} {
		before := append([]float64(nil), test.values...)
		if diff := cmp.Diff(test.want, table.Summarize(test.values)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(before, test.values); diff != "" {
			t.Errorf("%s: the values are changed: %s", name, diff)
		}
	}
}

// TestRatio: a round that a busy machine slows down has the ratio of the others.
func TestRatio(t *testing.T) {
	if got := table.Ratio([]float64{1, 10, 1.2}, []float64{2, 20, 2}); got != 0.5 {
		t.Errorf("the ratio is %v", got)
	}
	if got := table.Ratio([]float64{1}, []float64{0}); got != 0 {
		t.Errorf("the ratio to nothing is %v", got)
	}
	if got := table.Ratio([]float64{1, 100}, []float64{4}); got != 0.25 {
		t.Errorf("the ratio of lists of other lengths is %v", got)
	}
}

func TestGoal(t *testing.T) {
	for _, test := range []struct {
		goal           table.Goal
		text           string
		values, others []float64
		met            bool
	}{
		{table.Goal{Factor: 1. / 60}, "≤ 1/60", []float64{1, 1, 9}, []float64{60, 60, 60}, true},
		{table.Goal{Factor: 1. / 60}, "≤ 1/60", []float64{1, 2, 9}, []float64{60, 60, 60}, false},
		{table.Goal{Factor: 1.1, Plus: 0.3, Unit: "s"}, "≤ 1.1× + 0.3 s", []float64{1.39}, []float64{1}, true},
		{table.Goal{Factor: 1.1, Plus: 0.3, Unit: "s"}, "≤ 1.1× + 0.3 s", []float64{1.41}, []float64{1}, false},
		{table.Goal{Plus: 64, Unit: "MiB"}, "≤ 64 MiB", []float64{64}, nil, true},
		{table.Goal{Plus: 64, Unit: "MiB"}, "≤ 64 MiB", []float64{65}, nil, false},
		{table.Goal{Plus: 0, Unit: "files"}, "≤ 0 files", []float64{0}, nil, true},
		{table.Goal{Plus: 64, Unit: "MiB", Always: true}, "≤ 64 MiB", []float64{1, 64, 65}, nil, false},
		{table.Goal{Plus: 64, Unit: "MiB", Always: true}, "≤ 64 MiB", []float64{1, 64, 2}, nil, true},
		{table.Goal{Factor: 0.6}, "≤ 0.6×", []float64{0.5}, []float64{1}, true},
		{table.Goal{Factor: 0.6}, "≤ 0.6×", nil, nil, false},
		{table.Goal{Factor: 0.6}, "≤ 0.6×", []float64{0.5}, nil, false},
		{table.Goal{Factor: 0.4}, "≤ 0.4×", []float64{0.5}, []float64{1}, false},
	} {
		if got := test.goal.String(); got != test.text {
			t.Errorf("%+v is %q", test.goal, got)
		}
		if got := test.goal.Met(test.values, test.others); got != test.met {
			t.Errorf("%s of %v and %v: %t", test.text, test.values, test.others, got)
		}
	}
}

// rows are one that is met, one that is missed without a comparison, and one that could not be measured.
func rows() []table.Row {
	own := table.Of([]measure.Sample{
		{Wall: 0.2, CPU: 0.1, Peak: 32 << 20}, {Wall: 0.1, CPU: 0.3, Peak: 48 << 20}, {Wall: 0.3, CPU: 0.2},
	})
	other := table.Of([]measure.Sample{{Wall: 20, CPU: 10}, {Wall: 10, CPU: 30}, {Wall: 40, CPU: 20}})
	goal := table.Goal{Factor: 1. / 60}
	return []table.Row{
		table.Row{Number: "4", Case: "edit", Against: "pigz", Unit: "s"}.Fill(goal, own, other),
		table.Row{Number: "11b", Case: "memory", Unit: "MiB", Note: "the largest"}.Fill(
			table.Goal{Plus: 40, Unit: "MiB"}, table.Series{Values: own.Peak}, table.Series{}),
		table.Row{Number: "7", Case: "pack", Against: "pigz", Unit: "s"}.NotMeasured(goal, "no pigz"),
	}
}

func TestPrint(t *testing.T) {
	var out strings.Builder
	if err := table.Print(&out, rows()); err != nil {
		t.Fatal(err)
	}
	got := ""
	for line := range strings.Lines(out.String()) {
		got += strings.TrimRight(line, " \n") + "\n"
	}
	const want = `
#    case    measured  min–max      CPU s  peak MiB  compared with  measured  min–max  CPU s  ratio  of CPU  goal
4    edit    0.200 s   0.100–0.300  0.200  48.0      pigz           20 s      10–40    20.0   1/100  1/100   ≤ 1/60    met
11b  memory  40 MiB    32–48                                                                                 ≤ 40 MiB  met
7    pack                                            pigz                                                    ≤ 1/60    not measured: no pigz
11b: the largest
`
	if diff := cmp.Diff(want[1:], got); diff != "" {
		t.Error(diff)
	}
}

// TestJSON holds the names that other programs read.
func TestJSON(t *testing.T) {
	text, err := json.Marshal(rows()[0])
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"row":"4","case":"edit","compared_with":"pigz","goal":"≤ 1/60","unit":"s","rounds":3,` +
		`"measured":{"median":0.2,"min":0.1,"max":0.3},"compared":{"median":20,"min":10,"max":40},` +
		`"cpu_seconds":{"median":0.2,"min":0.1,"max":0.3},"compared_cpu_seconds":{"median":20,"min":10,"max":30},` +
		`"peak_mib":48,"ratio":0.01,"ratio_cpu":0.01,"verdict":"met"}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
}
