// Package logs keeps what an app's processes say: one line a record, in files of bounded size,
// written by any number of processes of one machine.
//
//	‹dir›/app.log      the newest records
//	‹dir›/app.log.1    older ones, up to .4
//	‹dir›/lock         flock: held for each write, and for the moment in which files are opened or renamed
//
//	record  = time " " release " " source "[" process "]: " text "\n" .
//	time    = RFC 3339 in UTC with six digits of a second .
//	release = "v" digits | "-" .
//	source  = "app" | "slugc" .
//
// A record is written whole, at the end of the file, under the lock; what a killed writer left
// unfinished is ended by the next one. When a file is full it is renamed and a new one begun, so at
// most five times its size is kept. Nothing is synced: after a power cut the last seconds may be
// missing.
package logs

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// App and Slugc are the sources of records: what a process said, and what slugc says of it.
const (
	App   = "app"
	Slugc = "slugc"
)

// Record is one line of output.
type Record struct {
	Time    time.Time
	Release int    // version; 0 where there is none
	Source  string // App or Slugc
	Process string // web.1; what of slugc's speaks, such as follow
	Text    string // without newline; any other bytes, as they were written
}

// MaxText is the longest text of a record in bytes; a longer line becomes several records.
const MaxText = 10_000

// stamp is the form of a record's time.
const stamp = "2006-01-02T15:04:05.000000Z"

// String is the record as a reader sees it: `2026-11-25T19:00:00.123456Z app[web.1]: text`.
func (r Record) String() string {
	return fmt.Sprintf("%s %s[%s]: %s", r.Time.UTC().Format(stamp), r.Source, r.Process, r.Text)
}

// appendTo appends the stored form.
func (r Record) appendTo(b []byte) []byte {
	release := "-"
	if r.Release > 0 {
		release = "v" + strconv.Itoa(r.Release)
	}
	return fmt.Appendf(b, "%s %s %s[%s]: %s\n", r.Time.UTC().Format(stamp), release, r.Source, r.Process, r.Text)
}

// parse reads a stored line without its newline. What a killed writer left is none.
func parse(line []byte) (r Record, ok bool) {
	when, rest, _ := bytes.Cut(line, []byte(" "))
	release, rest, _ := bytes.Cut(rest, []byte(" "))
	source, rest, _ := bytes.Cut(rest, []byte("["))
	process, text, found := bytes.Cut(rest, []byte("]: "))
	at, err := time.Parse(stamp, string(when))
	if !found || err != nil {
		return Record{}, false
	}
	r = Record{Time: at, Source: string(source), Process: string(process), Text: string(text)}
	if number, ok := strings.CutPrefix(string(release), "v"); ok {
		if r.Release, err = strconv.Atoi(number); err != nil {
			return Record{}, false
		}
	}
	return r, r.Source == App || r.Source == Slugc
}

// The files.
const (
	fileName = "app.log"
	kept     = 5 // files, the newest included
)

// file is the path of the file that has been renamed age times.
func file(dir string, age int) string {
	if age == 0 {
		return filepath.Join(dir, fileName)
	}
	return filepath.Join(dir, fileName+"."+strconv.Itoa(age))
}

func lockFile(dir string) string { return filepath.Join(dir, "lock") }
