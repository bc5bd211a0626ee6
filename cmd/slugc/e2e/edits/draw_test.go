package edits_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// one returns one of a list.
func one[T any](random *rand.Rand, list ...T) T { return list[random.IntN(len(list))] }

// drawn draws what happens to the app before its next build.
func (w *world) drawn(random *rand.Rand, special func() []edit) (list []edit) {
	what := random.IntN(10)
	if w.failed && random.IntN(3) > 0 {
		what = 1 // or most builds would fail
	}
	switch what {
	case 0: // nothing happens
		return nil
	case 1, 2:
		if t, ok := w.snapshot(random); ok {
			list = append(list, edit{op: "checkout", tree: t})
		}
	case 3, 4, 5:
		list = append(list, special()...)
	}
	if len(list) == 0 || random.IntN(4) == 0 {
		for range 1 + random.IntN(3) {
			list = append(list, drawEdit(random, w.paths()))
		}
	}
	return list
}

// drawEdit draws an edit of a file.
func drawEdit(random *rand.Rand, paths []string) edit {
	path, other := one(random, paths...), one(random, paths...)
	switch random.IntN(16) {
	case 0, 1, 2:
		return edit{op: "write", path: path, arg: text(random)}
	case 3, 4:
		return edit{op: "forge", path: path, arg: one(random, "", "moved")}
	case 5:
		return edit{op: one(random, "append", "cut"), path: path, arg: "more\n"}
	case 6, 7:
		return edit{op: "remove", path: path}
	case 8:
		return edit{op: "rename", path: path, arg: other}
	case 9:
		return edit{op: "swap", path: path, arg: other}
	case 10:
		modes := []string{"644", "755", "600", "700", "444", "555", "4755", "744"}
		return edit{op: "chmod", path: path, arg: one(random, modes...)}
	case 11:
		targets := []string{"1.txt", "../lib/a", "nowhere", "../src", ".", "/nonexistent", "deep/3.txt"}
		return edit{op: "link", path: path, arg: one(random, targets...)}
	case 12:
		return edit{op: "hard", path: path, arg: other}
	case 13:
		return edit{op: "mkdir", path: path}
	case 14:
		// long ago, before 1970, now and after 2038
		return edit{op: "times", path: path, arg: one(random, "1000000000", "-86400", "0", "1700000000", "4102444800")}
	}
	return edit{op: "config", path: one(random, "COLOUR", "SHAPE"), arg: one(random, "", "red", "blue")}
}

// text draws the content of a file. Most have the same size.
func text(random *rand.Rand) string {
	switch random.IntN(40) {
	case 0:
		return ""
	case 1: // more than one segment has
		noise := rand.New(rand.NewPCG(random.Uint64()%4, 1))
		var big strings.Builder
		for big.Len() < 3<<19 {
			fmt.Fprintf(&big, "%016x%s", noise.Uint64(), strings.Repeat("same ", 20))
		}
		return big.String()
	}
	return fmt.Sprintf("text %04d\n", random.IntN(50))
}

// drawBuild draws a build, and how it ends.
func drawBuild(random *rand.Rand) edit {
	b := edit{op: "build"}
	switch random.IntN(30) {
	case 0:
		b.arg = "--fresh"
	case 1, 2:
		b.arg = "tar"
	case 3:
		b.arg = "--network install"
	case 4, 5, 6:
		b.arg = fmt.Sprintf("killed %dms%s", 5+random.IntN(120), one(random, "", " all"))
	}
	return b
}
