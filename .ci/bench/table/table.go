package table

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"slugc/.ci/bench/measure"
)

// Series is what was measured of one thing, a value a round.
type Series struct {
	Values []float64 // in the row's unit
	CPU    []float64 // seconds of the whole process tree; none where that is not what the row is about
	Peak   []float64 // most memory of one of slugc's processes in MiB
}

// Of takes the wall time, the CPU seconds and the peak of samples.
func Of(samples []measure.Sample) (s Series) {
	for _, sample := range samples {
		s.Values = append(s.Values, sample.Wall)
		s.CPU = append(s.CPU, sample.CPU)
		if sample.Peak > 0 {
			s.Peak = append(s.Peak, float64(sample.Peak)/(1<<20))
		}
	}
	return s
}

// Row is one line of the table.
type Row struct {
	Number   string   `json:"row"` // "4", "7a"
	Case     string   `json:"case"`
	Against  string   `json:"compared_with,omitempty"`
	Goal     string   `json:"goal"`
	Unit     string   `json:"unit"` // of Measured and Compared
	Rounds   int      `json:"rounds"`
	Measured Summary  `json:"measured"`
	Compared *Summary `json:"compared,omitempty"`
	CPU      *Summary `json:"cpu_seconds,omitempty"`
	OtherCPU *Summary `json:"compared_cpu_seconds,omitempty"`
	Peak     float64  `json:"peak_mib,omitempty"` // the largest of all rounds
	Ratio    float64  `json:"ratio,omitempty"`
	RatioCPU float64  `json:"ratio_cpu,omitempty"`
	Verdict  string   `json:"verdict"` // "met", "missed", or "not measured: …"
	Note     string   `json:"note,omitempty"`
}

// Fill computes a row from what was measured. A row without values has the reason why not.
func (r Row) Fill(goal Goal, own, other Series) Row {
	r.Goal = cmp.Or(r.Goal, goal.String())
	r.Rounds, r.Measured = len(own.Values), Summarize(own.Values)
	r.CPU = optional(own.CPU)
	if len(own.Peak) > 0 {
		r.Peak = slices.Max(own.Peak)
	}
	if goal.Factor > 0 {
		r.Compared, r.OtherCPU = optional(other.Values), optional(other.CPU)
		r.Ratio = Ratio(own.Values, other.Values)
		r.RatioCPU = Ratio(own.CPU, other.CPU)
	}
	r.Verdict = "missed"
	if goal.Met(own.Values, other.Values) {
		r.Verdict = "met"
	}
	return r
}

func optional(values []float64) *Summary {
	if len(values) == 0 {
		return nil
	}
	s := Summarize(values)
	return &s
}

// NotMeasured is a row that says why it has no values.
func (r Row) NotMeasured(goal Goal, why string) Row {
	r.Goal, r.Verdict = cmp.Or(r.Goal, goal.String()), "not measured: "+why
	return r
}

// header names the columns. "min–max" is of what is left of it.
const header = "#\tcase\tmeasured\tmin–max\tCPU s\tpeak MiB\tcompared with\tmeasured\tmin–max\tCPU s\tratio\t" +
	"of CPU\tgoal\t\n"

// Print writes rows as a table of text.
func Print(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, header)
	for _, r := range rows {
		cells := []string{r.Number, r.Case}
		cells = append(cells, values(&r.Measured, r.Unit, r.Rounds)...)
		cells = append(cells, seconds(r.CPU), number(r.Peak, "%.1f"), r.Against)
		cells = append(cells, values(r.Compared, r.Unit, r.Rounds)...)
		cells = append(cells, seconds(r.OtherCPU), ratio(r.Ratio), ratio(r.RatioCPU), r.Goal, r.Verdict)
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if r.Note != "" {
			fmt.Fprintf(w, "%s: %s\n", r.Number, r.Note)
		}
	}
	return nil
}

func values(s *Summary, unit string, rounds int) []string {
	if s == nil || rounds == 0 {
		return []string{"", ""}
	}
	digits := short
	if s.Median == math.Trunc(s.Median) && s.Min == math.Trunc(s.Min) && s.Max == math.Trunc(s.Max) {
		digits = func(x float64) string { return fmt.Sprintf("%.0f", x) } // files, and other things that are counted
	}
	return []string{digits(s.Median) + " " + unit, digits(s.Min) + "–" + digits(s.Max)}
}

func seconds(s *Summary) string {
	if s == nil {
		return ""
	}
	return short(s.Median)
}

// short has three digits that count, and none beyond the thousandth.
func short(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	case x >= 1:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.3f", x)
}

func number(x float64, format string) string {
	if x == 0 {
		return ""
	}
	return fmt.Sprintf(format, x)
}

// ratio shows a small ratio as a fraction.
func ratio(x float64) string {
	if x > 0 && x < 0.2 {
		return fmt.Sprintf("1/%.0f", 1/x)
	}
	return number(x, "%.2f")
}
