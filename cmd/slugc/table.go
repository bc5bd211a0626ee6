package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"slugc/cmd/slugc/safetext"
)

// table is text in columns. What a cell holds stays in it, whoever wrote it.
type table struct {
	text    strings.Builder
	columns *tabwriter.Writer
}

// newTable returns a table with a first row.
func newTable(head ...any) *table {
	t := &table{}
	t.columns = tabwriter.NewWriter(&t.text, 0, 8, 2, ' ', 0)
	if len(head) > 0 {
		t.row(head...)
	}
	return t
}

// row adds a row; one without cells is blank.
func (t *table) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		texts[i] = safetext.Cell(fmt.Sprint(cell))
	}
	fmt.Fprintln(t.columns, strings.Join(texts, "\t"))
}

func (t *table) String() string {
	_ = t.columns.Flush()
	var text strings.Builder
	for line := range strings.Lines(t.text.String()) {
		fmt.Fprintln(&text, strings.TrimRight(line, " \n")) // the last cells may be empty
	}
	return text.String()
}
