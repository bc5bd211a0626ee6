// Child uses a store from a process of its own, for the tests of package local.
//
//	child commit FILE   commits for ever, with a history of 20 revisions
//	child keep FILE     the same with the usual history
//	child fill FILE     commits until the file may not grow any further, and checks the store
//
// commit and keep write the same number under "/a" and "/b" in one commit, and print it once the
// commit is acknowledged.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/local"
)

func main() {
	run := map[string]func(path string) error{
		"commit": func(path string) error { return commitForever(path, 20) },
		"keep":   func(path string) error { return commitForever(path, 0) },
		"fill":   fill,
	}[os.Args[1]]
	if err := run(os.Args[2]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func commitForever(path string, history int) error {
	for {
		n, err := commitNext(path, history)
		switch {
		case err == nil:
			fmt.Println(n)
		case !errors.Is(err, coordinator.ErrConflict):
			return err
		}
	}
}

func commitNext(path string, history int) (int, error) {
	c, err := local.Open(path, local.Options{History: history})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	read, err := c.Get(context.Background(), "/a")
	if err != nil {
		return 0, err
	}
	n, _ := strconv.Atoi(string(read[0].Value))
	value := []byte(strconv.Itoa(n + 1))
	pad := bytes.Repeat([]byte("x"), rand.N(20_000)) // so that pages are allocated and freed
	compares := []coordinator.Compare{{Key: "/a", Rev: read[0].Rev}}
	_, err = c.Commit(context.Background(), compares, []coordinator.Write{
		{Key: "/a", Value: value}, {Key: "/b", Value: value}, {Key: "/pad/" + strconv.Itoa(n%10), Value: pad},
	})
	return n + 1, err
}

// fill commits until the file may not grow, and checks that nothing acknowledged is lost.
func fill(path string) error {
	signal.Ignore(unix.SIGXFSZ)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 256 << 10, Max: 256 << 10}); err != nil {
		return err
	}
	c, err := local.Open(path, local.Options{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	for i := 1; ; i++ {
		write := coordinator.Write{Key: fmt.Sprintf("/%03d", i), Value: bytes.Repeat([]byte{'x'}, 5000)}
		rev, err := c.Commit(ctx, nil, []coordinator.Write{write})
		if err == nil && i < 1000 {
			continue
		}
		if !errors.Is(err, coordinator.ErrUnavailable) || !strings.Contains(err.Error(), path) {
			return fmt.Errorf("commit %d returned %d, %w", i, rev, err)
		}
		entries, at, err := c.List(ctx, "/")
		if err != nil || at != int64(i-1) || len(entries) != i-1 {
			return fmt.Errorf("after %d commits, %d entries at %d: %w", i-1, len(entries), at, err)
		}
		// Deleting needs a few free pages. Whether there are any depends on the history; either way
		// nothing may break.
		_, err = c.Commit(ctx, nil, []coordinator.Write{{Key: "/001", Delete: true}})
		if err != nil && !errors.Is(err, coordinator.ErrUnavailable) {
			return err
		}
		return nil
	}
}
