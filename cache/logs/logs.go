// Package logs keeps the output of an app's processes: one line for each record, in files of
// bounded size. Several processes of one machine may write at the same time, each through a
// [Writer]; a [Reader] reads and follows.
//
//	w, err := logs.Open(app.Path("logs"), logs.Options{})
//	w.Write(logs.Record{Release: 3, Source: logs.App, Process: "web.1", Text: "listening"})
//	err = w.Close()
//
//	‹dir›/app.log      the newest records
//	‹dir›/app.log.1    older ones, up to .4
//	‹dir›/lock         flock held for each write, and while files are opened or renamed
//
//	record  = time " " release " " source "[" process "]: " text "\n" .
//	time    = RFC 3339 in UTC with six digits of a second .
//	release = "v" digits | "-" .
//	source  = "app" | "slugc" .
//
// A record is written whole, at the end of the file, under the lock. If a killed writer left half a
// line, the next one ends that line. A full file is renamed and a new one started, so at most five
// times its size is kept. Nothing is synced: a power failure may lose the last seconds.
package logs

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// App and Slugc are the sources of records: output of a process, and slugc's messages about it.
const (
	App   = "app"
	Slugc = "slugc"
)

// Record is one line of output.
type Record struct {
	Time    time.Time
	Release int    // version; 0 where there is none
	Source  string // App or Slugc
	Process string // web.1; of Slugc the part that writes, such as follow
	Text    string // any bytes except for newlines
}

// MaxText is the maximum length of a text in bytes. A longer line becomes several records.
const MaxText = 10_000

// stamp is the form of a record's time.
const stamp = "2006-01-02T15:04:05.000000Z"

// String returns the record in the form that readers see: `2026-11-25T19:00:00.123456Z app[web.1]:
// text`.
func (r Record) String() string {
	return fmt.Sprintf("%s %s[%s]: %s", r.Time.UTC().Format(stamp), r.Source, r.Process, r.Text)
}

// appendTo appends the stored form to b.
func (r Record) appendTo(b []byte) []byte {
	release := "-"
	if r.Release > 0 {
		release = "v" + strconv.Itoa(r.Release)
	}
	return fmt.Appendf(b, "%s %s %s[%s]: %s\n", r.Time.UTC().Format(stamp), release, r.Source, r.Process, r.Text)
}

// parse reads a stored line without its newline. ok is false for half a line of a killed writer.
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
		if r.Release, err = strconv.Atoi(number); err != nil || r.Release <= 0 {
			return Record{}, false
		}
	} else if string(release) != "-" {
		return Record{}, false
	}
	return r, r.Source == App || r.Source == Slugc
}

// The files.
const (
	fileName = "app.log"
	kept     = 5 // files, the newest included
)

// file returns the path of the file that was renamed age times.
func file(dir string, age int) string {
	if age == 0 {
		return filepath.Join(dir, fileName)
	}
	return filepath.Join(dir, fileName+"."+strconv.Itoa(age))
}

func lockFile(dir string) string { return filepath.Join(dir, "lock") }
