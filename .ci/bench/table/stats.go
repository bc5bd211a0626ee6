// Package table turns what was measured into the rows of a table: medians, ratios, and whether a
// goal is met.
package table

import (
	"fmt"
	"math"
	"slices"
)

// Summary is the median, the smallest and the largest of some values.
type Summary struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Summarize summarizes values. Of an even number of values, the median is the mean of the two in the
// middle. Of none, all is 0.
func Summarize(values []float64) Summary {
	if len(values) == 0 {
		return Summary{}
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return Summary{median, sorted[0], sorted[len(sorted)-1]}
}

// Ratio is the median of the rounds' own ratios: what slows a whole round down, such as another
// program on the machine, changes it little. Rounds beyond the shorter list do not count.
func Ratio(values, others []float64) float64 {
	var ratios []float64
	for i := range min(len(values), len(others)) {
		if others[i] != 0 {
			ratios = append(ratios, values[i]/others[i])
		}
	}
	return Summarize(ratios).Median
}

// Goal is what a row is held to. The zero goal is none.
type Goal struct {
	// Factor and Plus: at most Factor times the comparison, and Plus more. Of Plus alone, there is no
	// comparison.
	Factor float64
	Plus   float64
	Unit   string // of Plus
	Always bool   // in each round, and not only in the median one
}

// String is the goal in words: "≤ 1/60", "≤ 1.1× + 0.3 s", "≤ 64 MiB".
func (g Goal) String() string {
	text := ""
	switch {
	case g.Factor > 0 && g.Factor < 0.6 && isWhole(1/g.Factor):
		text = fmt.Sprintf("≤ 1/%.0f", 1/g.Factor)
	case g.Factor > 0:
		text = fmt.Sprintf("≤ %g×", g.Factor)
	}
	switch {
	case text == "":
		return fmt.Sprintf("≤ %g %s", g.Plus, g.Unit)
	case g.Plus > 0:
		return fmt.Sprintf("%s + %g %s", text, g.Plus, g.Unit)
	}
	return text
}

func isWhole(x float64) bool { return math.Abs(x-math.Round(x)) < 1e-6 }

// Met reports whether values meet the goal, round by round against others: in the median round, or
// always.
func (g Goal) Met(values, others []float64) bool {
	var over []float64
	for i, value := range values {
		allowed := g.Plus
		if g.Factor > 0 {
			if i >= len(others) {
				break
			}
			allowed += g.Factor * others[i]
		}
		over = append(over, value-allowed)
	}
	if len(over) == 0 {
		return false
	}
	if g.Always {
		return slices.Max(over) <= 0
	}
	return Summarize(over).Median <= 0
}
