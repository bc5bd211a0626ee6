package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// link makes links at the places of an app that cannot be mounted there: that takes a root directory that slugc may
// write, as root's in a container without privileges. Nothing that is there is replaced, but links of killed processes
// that lead nowhere any longer.
func link(places []Place) error {
	for i, place := range places {
		if err := linkPlace(place); err != nil {
			unlink(places[:i])
			return err
		}
	}
	return nil
}

// linkTries bounds how often a link that leads nowhere is replaced, when another process does the same.
const linkTries = 3

func linkPlace(p Place) error {
	for range linkTries {
		err := os.Symlink(p.From, p.At)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		to, err := os.Readlink(p.At)
		if err != nil {
			return fmt.Errorf("there is something else at %s", p.At)
		}
		if to == p.From {
			return nil
		}
		if _, err := os.Stat(p.At); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s leads to %s, which may be another app's", p.At, to)
		}
		if err := os.Remove(p.At); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("%s is made again and again", p.At)
}

// unlink removes the links at the places, if they are these.
func unlink(places []Place) {
	for _, place := range slices.Backward(places) {
		if to, err := os.Readlink(place.At); err == nil && to == place.From {
			_ = os.Remove(place.At) // what is left leads nowhere, and the next process replaces it
		}
	}
}
