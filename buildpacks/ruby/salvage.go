package ruby

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/tree"
)

// salvage keeps of an install that failed what it had finished: downloads that are whole, and gems whose
// specification, which RubyGems writes last, is there. The next install goes on from there. Errors do not
// count: the build has failed already, for a reason that matters more.
func (b *work) salvage(err error, gems, downloaded libcnb.Layer, parts []part) {
	if !exited(err) {
		return
	}
	if cache := filepath.Join(b.gemHome(), downloads); tree.IsDir(cache) {
		if dropUnfinished(cache) != nil || tree.Move(cache, filepath.Join(downloaded.Path, downloads)) != nil {
			return
		}
	}
	downloaded.Metadata = map[string]any{"layout": layout}
	b.Contribute(downloaded, libcnb.LayerTypes{Cache: true})
	if dropUnfinishedGems(b.gemHome()) != nil {
		return
	}
	gems.Metadata = map[string]any{"parts": digests(parts), unfinished: true}
	b.Contribute(gems, libcnb.LayerTypes{Cache: true})
}

// exited reports whether a program has ended by itself. One that was killed may have been writing anything.
func exited(err error) bool {
	failure, failed := errors.AsType[*command.Failure](err)
	return failed && strings.HasPrefix(failure.Status, "exit status")
}

// unfinished is the key in the gems' metadata of an install that failed.
const unfinished = "unfinished"

// dropUnfinished removes downloads that are not whole: gems that end early, and clones without references.
func dropUnfinished(cache string) error {
	files, err := filepath.Glob(filepath.Join(cache, "*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if filepath.Ext(file) == ".gem" && !wholeGem(file) || strings.HasPrefix(filepath.Base(file), ".") {
			err = errors.Join(err, os.RemoveAll(file))
		}
	}
	clones, _ := filepath.Glob(filepath.Join(cache, "bundler", "git", "*"))
	for _, clone := range clones {
		partial, _ := filepath.Glob(filepath.Join(clone, "objects", "pack", "tmp_*"))
		if len(partial) > 0 || !tree.IsFile(filepath.Join(clone, "packed-refs")) {
			err = errors.Join(err, os.RemoveAll(clone))
		}
	}
	return err
}

// wholeGem reports whether a gem, which is a tar archive of compressed files, can be read to its end.
func wholeGem(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	archive, entries := tar.NewReader(f), 0
	for {
		header, err := archive.Next()
		if err != nil {
			return errors.Is(err, io.EOF) && entries > 1
		}
		entries++
		if path.Ext(header.Name) != ".gz" {
			continue
		}
		content, err := gzip.NewReader(archive)
		if err != nil {
			return false
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return false
		}
	}
}

// dropUnfinishedGems removes gems whose installation has not come to its end.
func dropUnfinishedGems(home string) error {
	specs, err := filepath.Glob(filepath.Join(home, "specifications", "*.gemspec"))
	if err != nil {
		return err
	}
	for _, spec := range specs {
		if text, err := os.ReadFile(spec); err != nil || !bytes.HasSuffix(bytes.TrimSpace(text), []byte("\nend")) {
			if err := os.Remove(spec); err != nil {
				return err
			}
		}
	}
	gems, err := filepath.Glob(filepath.Join(home, "gems", "*"))
	if err != nil {
		return err
	}
	for _, gem := range gems {
		if !tree.IsFile(filepath.Join(home, "specifications", filepath.Base(gem)+".gemspec")) {
			err = errors.Join(err, os.RemoveAll(gem))
		}
	}
	return err
}
