package ruby

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"slugc/buildpacks/extension"
	"slugc/cache/digest"
	"slugc/detect/lazyregexp"
)

// traces are files that booting the app or compiling its assets leaves, and no running app reads: Bootsnap's
// cache, whose keys are paths and times that differ at launch, and Rails' stand-in for a secret, which is
// random. The log of the environment is another.
var traces = []string{"tmp/cache/bootsnap*", "tmp/local_secret.txt", "tmp/development_secret.txt"}

// before is what the app has before its tasks run.
type before struct {
	public map[string]bool // files below public
	traces map[string]bool
}

// look notes what the app has. Of a public that can't be read, nothing is changed later.
func (b *work) look() *before {
	seen := &before{public: map[string]bool{}, traces: map[string]bool{}}
	_ = b.walkPublic(func(file string) error {
		seen.public[file] = true
		return nil
	})
	for _, file := range b.glob(b.traces()...) {
		seen.traces[file] = true
	}
	return seen
}

func (b *work) traces() []string {
	return append([]string{"log/" + filepath.Base(b.env.get("RAILS_ENV")) + ".log"}, traces...)
}

// removeEmpty removes a directory of the app and those above it, as long as they are empty.
func (b *work) removeEmpty(dir string) {
	for ; dir != b.Dir && os.Remove(dir) == nil; dir = filepath.Dir(dir) { // refused unless it is empty
	}
}

// walkPublic calls fn for the regular files below public.
func (b *work) walkPublic(fn func(file string) error) error {
	return filepath.WalkDir(b.Path("public"), func(file string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		return fn(file)
	})
}

// normalise takes out of what the app's tasks have written what differs between two builds of one source:
// traces, and in compiled assets times and random names. What the source itself has stays as it is.
func (b *work) normalise() error {
	if err := b.dropBuildOnly(); err != nil {
		return fmt.Errorf("removing what only the build needs: %w", err)
	}
	if b.before == nil {
		return nil
	}
	for _, file := range b.glob(b.traces()...) {
		if b.before.traces[file] && !strings.Contains(file, "bootsnap") {
			continue
		}
		if err := os.RemoveAll(file); err != nil {
			return fmt.Errorf("cleaning up after the app's tasks: %w", err)
		}
		b.removeEmpty(filepath.Dir(file))
	}
	err := b.walkPublic(func(file string) error {
		switch {
		case b.before.public[file]:
			return nil
		case sprocketsManifest.MatchString(filepath.Base(file)):
			return normaliseManifest(file)
		case filepath.Ext(file) == ".gz":
			return normaliseGzip(file)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("normalising compiled assets: %w", err)
	}
	return nil
}

// dropBuildOnly removes the directories that another buildpack has made for the build only.
func (b *work) dropBuildOnly() error {
	root, err := os.OpenRoot(b.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, entry := range b.Environ {
		list, ok := strings.CutPrefix(entry, extension.BuildOnlyEnv+"=")
		if !ok || list == "" {
			continue
		}
		for dir := range strings.SplitSeq(list, ":") {
			err = errors.Join(err, root.RemoveAll(filepath.FromSlash(dir)))
		}
	}
	return err
}

// sprocketsManifest matches the name of a manifest of Sprockets, by which it finds it again. Its hexadecimal
// digits are random. Sprockets 2 writes no leading dot.
var sprocketsManifest = lazyregexp.New(`^(\.sprockets-manifest-|manifest-)[0-9a-f]{32}\.json$`)

// fixedTime is what the times in a manifest become. Sprockets itself reads them only to remove old assets.
const fixedTime = "1980-01-01T00:00:01+00:00"

// normaliseManifest gives a manifest of Sprockets fixed times, sorted names and a name that its content
// decides.
func normaliseManifest(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var manifest struct {
		Files  map[string]map[string]any `json:"files"`
		Assets map[string]any            `json:"assets"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if decoder.Decode(&manifest) != nil || manifest.Files == nil {
		return nil // a manifest of something else
	}
	for _, entry := range manifest.Files {
		if _, dated := entry["mtime"]; dated {
			entry["mtime"] = fixedTime
		}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(manifest); err != nil {
		return err
	}
	data = bytes.TrimSpace(text.Bytes())
	prefix := sprocketsManifest.FindStringSubmatch(filepath.Base(file))[1]
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return err
	}
	return os.Rename(file, filepath.Join(filepath.Dir(file), prefix+digest.Of(data).Hex()[:32]+".json"))
}

// normaliseGzip removes the time from the header of a compressed file (RFC 1952, section 2.3).
func normaliseGzip(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	const timeAt, timeEnd = 4, 8
	head := make([]byte, timeEnd)
	if n, _ := f.ReadAt(head, 0); n == len(head) && bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}) {
		_, err = f.WriteAt(make([]byte, timeEnd-timeAt), timeAt)
	}
	return errors.Join(err, f.Close())
}
