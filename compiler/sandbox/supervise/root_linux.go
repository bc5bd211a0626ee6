package supervise

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// enter makes the root directory and moves this process into it, in its own mount namespace (pivot_root(2)).
func (r *Root) enter() error {
	// A path could lead through a link that leads elsewhere in the new root.
	var sources []*os.File
	defer func() { closeAll(sources) }()
	taken := map[string]bool{}
	for _, b := range r.Binds {
		from, err := os.OpenFile(b.From, unix.O_PATH, 0)
		if err != nil {
			return err
		}
		sources = append(sources, from)
		name := filepath.Base(b.To)
		if b.To != "/"+name || taken[name] {
			return fmt.Errorf("binding at %q: %w", b.To, syscall.EINVAL)
		}
		taken[name] = true
	}
	host, err := r.pivot()
	if err != nil {
		return err
	}
	taken[filepath.Base(host)] = true
	entries, err := os.ReadDir(host)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if taken[e.Name()] {
			continue
		}
		if err := copyTop(filepath.Join(host, e.Name()), "/"+e.Name()); err != nil {
			return err
		}
	}
	for i, b := range r.Binds {
		if err := bind(fmt.Sprintf("%s/proc/self/fd/%d", host, sources[i].Fd()), b.To); err != nil {
			return err
		}
	}
	if err := errors.Join(unix.Unmount(host, unix.MNT_DETACH), os.Remove(host)); err != nil {
		return err
	}
	const fixed = unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV
	return unix.Mount("", "/", "", fixed, "")
}

// pivot makes an empty root directory, and returns where in it the host's is.
func (r *Root) pivot() (host string, err error) {
	if err := unix.Mount("tmpfs", r.Stage, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=1m"); err != nil {
		return "", err
	}
	old, err := os.MkdirTemp(r.Stage, ".host-*")
	if err != nil {
		return "", err
	}
	if err := unix.PivotRoot(r.Stage, old); err != nil {
		return "", err
	}
	return strings.TrimPrefix(old, r.Stage), os.Chdir("/")
}

// copyTop shows an entry of the host's root directory: a link as a link, everything else with what is mounted there.
// What nobody can reach, such as the directory of a server that has gone, is left out.
func copyTop(from, to string) error {
	if target, err := os.Readlink(from); err == nil {
		return os.Symlink(target, to)
	}
	err := bind(from, to)
	if err == nil || errors.Is(err, unix.EPERM) {
		return err
	}
	_ = os.Remove(to)
	return nil
}

// bind makes an empty file or directory at to, and shows there what is at from.
func bind(from, to string) error {
	info, err := os.Stat(from)
	if err == nil && info.IsDir() {
		err = os.Mkdir(to, 0o755)
	} else if err == nil {
		err = os.WriteFile(to, nil, 0o644)
	}
	if err != nil {
		return err
	}
	return unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, "")
}
