package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Enter puts the calling thread into the groups of version 1.
func (j Join) Enter() error {
	for _, dir := range j.V1 {
		if err := write(dir, "tasks", strconv.Itoa(unix.Gettid())); err != nil {
			return err
		}
	}
	return nil
}

// Leave takes the calling thread out of the groups of version 1 again: a group with a thread cannot be removed.
func (j Join) Leave() error {
	for _, dir := range j.V1 {
		if err := write(filepath.Dir(dir), "tasks", strconv.Itoa(unix.Gettid())); err != nil {
			return err
		}
	}
	return nil
}

// Kill ends all processes of the group at once where the kernel can (Linux 5.14). It does not wait.
func (j Join) Kill() {
	if j.V2 != "" {
		_ = write(j.V2, "cgroup.kill", "1")
	}
}

// removeTimeout is how long a group may still have processes: the kernel takes a moment to end them.
const removeTimeout = 2 * time.Second

// Remove removes the group, which has no processes.
func (j Join) Remove() {
	j.Kill()
	end := time.Now().Add(removeTimeout)
	for _, dir := range append([]string{j.V2}, j.V1...) {
		for dir != "" && errors.Is(unix.Rmdir(dir), unix.EBUSY) && time.Now().Before(end) {
			time.Sleep(time.Millisecond)
		}
	}
}

// write writes a file of a group. It makes none.
func write(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}
