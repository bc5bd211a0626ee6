package golang

import (
	"context"
	"fmt"
	"go/version"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"slugc/buildpacks/toolchain/source"
)

// Bounds of a search without a list.
const (
	maxProbes  = 80
	lineGap    = 2  // lines that may be missing in a row before the search ends
	patchGap   = 3  // patches likewise: some were never published
	oldestLine = 21 // the first line whose first release is 1.N.0
	linesBack  = 6  // how far below this program's own Go the search goes
)

// prober finds a version without a list, by asking for one after the other.
type prober struct {
	proxy *proxy
	ctx   context.Context
	left  int
}

// probe serves where a proxy does not list: lines upwards from the lowest that may serve, then the
// patches of the highest.
func (p *proxy) probe(ctx context.Context, c *source.Constraint) (chosen, note string, err error) {
	search := &prober{p, ctx, maxProbes}
	if c.Exact != "" {
		ok, err := search.has(c.Exact)
		if err == nil && !ok {
			err = &source.NoVersionError{}
		}
		return c.Exact, "", err
	}
	lines, err := search.lines(lineBounds(c.Text))
	if err != nil {
		return "", "", err
	}
	var found []string
	for _, line := range slices.Backward(lines) {
		patch := func(n int) string { return fmt.Sprintf("1.%d.%d", line, n) }
		patches, err := search.upwards(patchGap, patch, 0, -1)
		if err != nil {
			return "", "", err
		}
		for _, n := range patches {
			found = append(found, patch(n))
		}
		if v, note := c.Pick(source.Listing{Versions: found}); v != "" {
			return v, note, nil
		}
	}
	return "", "", c.Nearest(compare)(found)
}

// lines are the lines of releases that the proxies have between two, each -1 where it is open.
func (p *prober) lines(low, high int) ([]int, error) {
	first := func(n int) string { return fmt.Sprintf("1.%d.0", n) }
	from := low
	switch {
	case low < 0 && high >= 0:
		from = high
	case low < 0:
		from = lineOf(strings.TrimPrefix(runtime.Version(), "go")) // the newest that this program is sure to know of
	}
	lines, err := p.upwards(lineGap, first, max(from, oldestLine), high)
	if err != nil || len(lines) > 0 || low >= 0 {
		return lines, err
	}
	for n := from - 1; n >= max(oldestLine, from-linesBack); n-- {
		if ok, err := p.has(first(n)); ok || err != nil {
			return []int{n}, err
		}
	}
	return nil, nil
}

// upwards asks for one number after the other, from from to last (-1: without end), and stops after
// gap numbers in a row that are missing. It returns those that are there.
func (p *prober) upwards(gap int, name func(int) string, from, last int) ([]int, error) {
	var there []int
	for n, misses := from, 0; misses < gap && (last < 0 || n <= last); n++ {
		ok, err := p.has(name(n))
		if err != nil {
			return nil, err
		}
		if misses++; ok {
			there, misses = append(there, n), 0
		}
	}
	return there, nil
}

func (p *prober) has(v string) (bool, error) {
	if p.left--; p.left < 0 {
		return false, nil
	}
	return p.proxy.has(p.ctx, v)
}

// lineOf is the 25 of 1.25.3, and -1 of what is not a version.
func lineOf(v string) int {
	_, n, _ := strings.Cut(version.Lang("go"+v), ".")
	line, err := strconv.Atoi(n)
	if err != nil {
		return -1
	}
	return line
}
