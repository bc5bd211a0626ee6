package clojure

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/tree"
	"slugc/cache/digest"
)

// entriesVersion is the version of what is made of an entry: change it when the same content is compressed to other
// bytes, or needs other modules.
const entriesVersion = "1"

// The bounds of what is remembered, in bytes: of one entry, not compressed, and of all, compressed.
const (
	maxRemembered    = 4 << 20
	maxRememberedAll = 64 << 20
	maxEntriesFile   = 128 << 20
)

// entriesFile is the name of the file in the layer.
const entriesFile = "entries"

// entries remembers from one build to the next what became of the entries of jars. Nearly all of an uberjar's are of
// libraries, so that compressing them and searching them for modules again is most of what a build does besides
// its tool. A nil *entries remembers nothing. It is not safe for concurrent use.
type entries struct {
	last, next remembered
	size       int // of what next holds compressed
}

// remembered is what the file has, as gob writes it.
type remembered struct {
	Version string
	Packed  map[sum][]byte   // compressed content, by the content's digest
	JDK     string           // that the modules are of
	Modules map[sum][]string // by the digest that rawSum returns
}

type sum = [sha256.Size]byte

// openEntries opens the layer before anything of the app runs, which could write to what describes it.
func (b *work) openEntries() (err error) {
	if b.entriesLayer, err = b.Layer("entries"); err != nil {
		return err
	}
	b.Contribute(b.entriesLayer, libcnb.LayerTypes{Cache: true}) // as it was, for a build that fails
	return nil
}

// loadEntries reads what the last build remembered. A file that is not as that build left it counts for nothing.
func (b *work) loadEntries() error {
	e := &entries{}
	b.entries = e
	e.next = remembered{
		Version: entriesVersion, Packed: map[sum][]byte{}, Modules: map[sum][]string{},
		JDK: fmt.Sprint(b.jdk.Version, " ", b.jdk.Source, " ", b.jdk.Digest),
	}
	data, err := tree.ReadIn(b.entriesLayer.Path, entriesFile, maxEntriesFile)
	if err != nil || b.entriesLayer.Metadata["digest"] != string(digest.Of(data)) {
		return nil
	}
	var last remembered
	if gob.NewDecoder(bytes.NewReader(data)).Decode(&last) != nil || last.Version != entriesVersion {
		return nil
	}
	if last.JDK != e.next.JDK {
		last.Modules = nil
	}
	e.last = last
	return nil
}

// saveEntries leaves the next build what this one found out.
func (b *work) saveEntries() error {
	var data bytes.Buffer
	err := gob.NewEncoder(&data).Encode(b.entries.next)
	if err == nil {
		file := filepath.Join(b.entriesLayer.Path, entriesFile) // of which a script may have made something else
		err = errors.Join(os.RemoveAll(file), os.WriteFile(file, data.Bytes(), 0o644))
	}
	if err != nil {
		return fmt.Errorf("remembering the entries of jars: %w", err)
	}
	b.entriesLayer.Metadata = map[string]any{"digest": string(digest.Of(data.Bytes()))}
	b.Contribute(b.entriesLayer, libcnb.LayerTypes{Cache: true})
	return nil
}

// pack returns what the content is compressed to.
func (e *entries) pack(content []byte, compress func() ([]byte, error)) (packed []byte, err error) {
	key := sha256.Sum256(content)
	packed, ok := e.last.Packed[key]
	if !ok {
		if packed, err = compress(); err != nil {
			return nil, err
		}
	}
	if _, have := e.next.Packed[key]; !have && e.size+len(packed) <= maxRememberedAll {
		e.next.Packed[key] = packed
		e.size += len(packed)
	}
	return packed, nil
}

// modules returns which modules the entry of a jar needs. search finds them.
func (e *entries) modules(f *zip.File, search func() ([]string, error)) (modules []string, err error) {
	if e == nil {
		return search()
	}
	key, err := rawSum(f)
	if err != nil {
		return nil, err
	}
	modules, ok := e.last.Modules[key]
	if !ok {
		if modules, err = search(); err != nil {
			return nil, err
		}
	}
	e.next.Modules[key] = modules
	return modules, nil
}

// rawSum is the digest of what decides the modules of an entry: how it is read, and its bytes as the jar has them.
func rawSum(f *zip.File) (key sum, err error) {
	raw, err := f.OpenRaw()
	if err != nil {
		return key, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s %d %d\n", filepath.Ext(f.Name), f.Method, f.UncompressedSize64)
	_, err = io.Copy(h, raw)
	h.Sum(key[:0])
	return key, err
}

// packer compresses the entries of a jar, one after another, at a level of its own, so that the bytes do not depend
// on the default of the library. All entries share one compressor: to make one costs more than to compress a class.
type packer struct {
	entries  *entries
	compress *flate.Writer
	to       io.Writer
	content  bytes.Buffer // of the entry, as long as it is small
	streams  bool         // the entry is too large to be remembered
}

// start begins an entry.
func (p *packer) start(to io.Writer) (io.WriteCloser, error) {
	p.to, p.streams = to, p.entries == nil
	p.content.Reset()
	if p.streams {
		return p, p.compressTo(to)
	}
	return p, nil
}

// compressTo makes the compressor ready, which takes long enough to be left out where an entry is known.
func (p *packer) compressTo(to io.Writer) (err error) {
	if p.compress == nil {
		p.compress, err = flate.NewWriter(to, 6)
		return err
	}
	p.compress.Reset(to)
	return nil
}

func (p *packer) Write(data []byte) (int, error) {
	if p.streams {
		return p.compress.Write(data)
	}
	p.content.Write(data)
	if p.content.Len() <= maxRemembered {
		return len(data), nil
	}
	p.streams = true
	err := p.compressTo(p.to)
	if err == nil {
		_, err = p.compress.Write(p.content.Bytes())
	}
	return len(data), err
}

// Close ends the entry.
func (p *packer) Close() error {
	if p.streams {
		return p.compress.Close()
	}
	packed, err := p.entries.pack(p.content.Bytes(), func() ([]byte, error) {
		var out bytes.Buffer
		err := p.compressTo(&out)
		if err == nil {
			_, err = p.compress.Write(p.content.Bytes())
			err = errors.Join(err, p.compress.Close())
		}
		return out.Bytes(), err
	})
	if err != nil {
		return err
	}
	_, err = p.to.Write(packed)
	return err
}
