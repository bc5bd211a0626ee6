package edits_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"slugc/cache/digest"
)

// patience is how long a failure is made smaller.
const patience = 5 * time.Minute

// shrink leaves out of a list of edits, whose last is a build that goes wrong, what that does not need.
func shrink(t testing.TB, k kind, past []edit) string {
	var wrong string
	end := time.Now().Add(patience)
	again := func(list []edit) bool {
		if time.Now().After(end) {
			return false
		}
		w := newWorld(t, k)
		defer os.RemoveAll(w.dir)
		is := w.take(list)
		if is != "" {
			wrong = is
		}
		return is != ""
	}
	for _, keep := range []int{0, 1, 2, 4, 8, 16, 32, 64, len(past)} {
		if list := lastBuilds(past, keep); again(list) {
			past = leaveOut(list, again)
			break
		}
	}
	if wrong == "" {
		return "it does not happen again, so the edits are not made fewer"
	}
	var text strings.Builder
	for _, e := range past {
		fmt.Fprintln(&text, "\t", e)
	}
	return fmt.Sprintf("fewest edits:\n%sthen %s", text.String(), wrong)
}

// lastBuilds leaves of a list's builds the last and keep more, and compares only the last.
func lastBuilds(past []edit, keep int) (list []edit) {
	for i, e := range slices.Backward(past) {
		if e.op == "build" && i < len(past)-1 {
			if keep == 0 {
				continue
			}
			keep--
			if !strings.HasPrefix(e.arg, "killed") {
				e.arg = "unchecked"
			}
		}
		list = append(list, e)
	}
	slices.Reverse(list)
	return list
}

// leaveOut leaves out ever smaller parts of a list, but never its last edit, as long as it still goes wrong.
func leaveOut(list []edit, wrong func([]edit) bool) []edit {
	for size := len(list) / 2; size > 0; size /= 2 {
		for from := 0; from+size < len(list); {
			if fewer := slices.Delete(slices.Clone(list), from, from+size); wrong(fewer) {
				list = fewer
			} else {
				from += size
			}
		}
	}
	return list
}

// differ lists the files in which two slugs differ.
func differ(want, is string) string {
	if want == "" || is == "" {
		return ""
	}
	wanted, err := entries(want)
	found, err2 := entries(is)
	if err := errors.Join(err, err2); err != nil {
		return err.Error() + "\n"
	}
	var text strings.Builder
	names := maps.Clone(wanted)
	maps.Copy(names, found)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if wanted[name] != found[name] {
			fmt.Fprintf(&text, "\t%s: %s, want %s\n", name, found[name], wanted[name])
		}
	}
	return text.String()
}

// entries describes the files of a slug, by name.
func entries(file string) (map[string]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for archive := tar.NewReader(plain); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		sum, size, err := digest.Read(archive)
		if err != nil {
			return nil, err
		}
		found[h.Name] = fmt.Sprintf("%c %o %s%d bytes %.15s", h.Typeflag, h.Mode, h.Linkname, size, sum)
	}
}
