package compiler

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"slugc/cache/beneath"
	"slugc/compiler/lifecycle"
	"slugc/compiler/procfile"
)

// baseSystem are programs that every machine that runs slugs has or may have: a shell, coreutils, findutils,
// procps, and what Heroku's stacks have of use in a Procfile (Dev Center, "Ubuntu Packages on Heroku Stacks").
// What a language's buildpack provides is not among them, whatever this machine has.
var baseSystem = strings.Fields(`sh bash dash [ awk base64 basename bc bzip2 cat chmod chown cp curl cut date dd df diff
	dig dirname du ed egrep env expr false fgrep file find free gawk git grep gunzip gzip head hostname id identify
	convert magick ffmpeg install jq kill killall less ln locale logger ls make md5sum mkdir mkfifo mktemp more mv nc
	netcat nice nohup nproc od openssl paste perl pg_dump pg_restore pgrep pkill ps psql python3 readlink realpath
	redis-cli rm rmdir rsync sed seq setsid sha1sum sha256sum shred shuf sleep socat sort split ssh stat stdbuf stty su
	sudo sync tac tail tar tee telnet test time timeout top touch tr true truncate tsort tty uname uniq unzip uptime
	vi wc wget whereis which who whoami xargs xz yes zip zstd`)

// maxListed is how many programs a warning lists.
const maxListed = 8

// warnMissing warns of process types that start a program which the slug does not have, as far as the command
// tells. It only warns: the machine that runs the slug may have the program, and a profile may change PATH.
func (b *build) warnMissing(staged Staged, built Built, types []procfile.Process) error {
	app, err := beneath.Open(staged.Dirs.AppDir)
	if err != nil {
		return fmt.Errorf("opening the app directory: %w", err)
	}
	defer app.Close()
	s := slugPrograms{app: app, built: built, appDir: staged.Dirs.AppDir, member: staged.Member}
	for _, p := range types {
		if slices.Contains(built.Layers.Warned, p.Type) {
			continue
		}
		for _, program := range procfile.Programs(p.Command) {
			if text := s.missing(program); text != "" {
				b.Report.Warn(fmt.Sprintf("Procfile: %s runs %q, %s.%s", p.Type, program.Name, text, s.instead()))
				break
			}
		}
	}
	return nil
}

// slugPrograms finds programs in what becomes the slug.
type slugPrograms struct {
	app    *beneath.Dir
	appDir string
	member string // the app's directory in appDir
	built  Built
}

// in returns a path of the app as one of the slug. A process starts in the app's directory.
func (s slugPrograms) in(name string) string { return path.Join(s.member, name) }

// missing says what is wrong with a program, "" if nothing is.
func (s slugPrograms) missing(p procfile.Program) string {
	if p.Path == "" {
		if slices.Contains(baseSystem, p.Name) || s.ownProfile() || s.onPath(p.Name) {
			return ""
		}
		return "which is not in the slug"
	}
	for lent := range s.built.Lent {
		if strings.HasPrefix(s.in(p.Path), lent+"/") {
			return "" // its files are in the slug, and not here
		}
	}
	stat, err := s.app.Lstat(s.in(p.Path))
	switch {
	case beneath.Missing(err):
		return "which is not in the slug"
	case err == nil && isRegular(stat) && stat.Mode&0o111 == 0 && !p.Read:
		return fmt.Sprintf("which is not executable: run `git update-index --chmod=+x %s` and commit it", p.Path)
	}
	return ""
}

func isRegular(stat unix.Stat_t) bool { return stat.Mode&unix.S_IFMT == unix.S_IFREG }

// ownProfile reports whether the app has profiles of its own, which may change PATH.
func (s slugPrograms) ownProfile() bool {
	if _, err := s.app.Lstat(s.in(".profile")); err == nil {
		return true
	}
	entries, _ := s.app.ReadDir(s.in(".profile.d"))
	return len(entries) > 0
}

// programDirs are directories of the app that buildpacks put on PATH.
var programDirs = []string{"bin", "node_modules/.bin", "vendor/bin", "vendor/bundle/bin"}

// layerDepth is how deep below a layer its directory of programs may be: gems/ruby/3.4.0/bin.
const layerDepth = 3

// onPath reports whether a program is where PATH may lead when the slug runs: in a layer's bin, or in one of
// the app's directories.
func (s slugPrograms) onPath(name string) bool {
	if len(s.built.Lent) > 0 {
		return true // among files that are not here
	}
	for _, dir := range programDirs {
		if _, err := s.app.Lstat(s.in(path.Join(dir, name))); err == nil {
			return true
		}
		if _, err := s.app.Lstat(path.Join(dir, name)); err == nil { // of a workspace
			return true
		}
	}
	for _, l := range s.built.Layers.Layers {
		layer, err := s.layer(l)
		if err != nil {
			return true // what packs the layer says what is wrong with it
		}
		found := has(layer, ".", name, layerDepth)
		layer.Close()
		if found {
			return true
		}
	}
	return false
}

// layer opens a layer, or what the platform puts into it.
func (s slugPrograms) layer(l lifecycle.Layer) (*beneath.Dir, error) {
	if l.Runtime.Dir != "" {
		return beneath.Open(l.Runtime.Dir)
	}
	rel, err := filepath.Rel(s.appDir, l.Dir)
	if err != nil {
		return nil, err
	}
	return s.app.Dir(filepath.ToSlash(rel))
}

// has reports whether dir or a directory below, as deep as depth, has the program in a directory called bin.
func has(layer *beneath.Dir, dir, name string, depth int) bool {
	if _, err := layer.Lstat(path.Join(dir, "bin", name)); err == nil {
		return true
	}
	entries, err := layer.ReadDir(dir)
	if err != nil || depth == 0 {
		return false
	}
	return slices.ContainsFunc(entries, func(e beneath.Entry) bool {
		return beneath.IsDir(e.Stat_t) && has(layer, path.Join(dir, e.Name), name, depth-1)
	})
}

// instead says which programs the app's bin has.
func (s slugPrograms) instead() string {
	entries, _ := s.app.ReadDir(s.in("bin"))
	var names []string
	for _, e := range entries {
		if isRegular(e.Stat_t) && e.Mode&0o111 != 0 && !strings.HasPrefix(e.Name, "go-p") {
			names = append(names, "bin/"+e.Name)
		}
	}
	slices.Sort(names)
	if len(names) > maxListed {
		names = append(names[:maxListed], "…")
	}
	if len(names) == 0 {
		return ""
	}
	return " There are: " + strings.Join(names, ", ") + "."
}
