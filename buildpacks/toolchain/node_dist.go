package toolchain

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// nodeDist is a nodejs.org-layout distribution: index.json, v‹V›/SHASUMS256.txt and
// v‹V›/node-v‹V›-‹os›-‹arch›.tar.gz.
type nodeDist struct{ st *Store }

func (*nodeDist) name() string { return "nodejs.org" }

func (d *nodeDist) base() string { return strings.TrimRight(d.st.set.NodeDist, "/") }

func (d *nodeDist) platform() string { return d.st.set.OS + "-" + nodeArch(d.st.set.Arch) }

// nodeIndex is index.json boiled down to one platform.
type nodeIndex struct {
	LTS map[string]string `json:"lts"` // codename by version, "" for those that are not
}

func (d *nodeDist) find(ctx context.Context, w *want) (string, string, error) {
	if d.st.set.NodeDist == off {
		return "", "", errDisabled
	}
	for _, again := range []bool{false, true} {
		ix, asked, err := list(ctx, d.st, d.base()+"/index.json", nil, d.parse, again)
		if err != nil {
			return "", "", err
		}
		l := &listing{lts: ix.LTS}
		for v := range ix.LTS {
			l.versions = append(l.versions, v)
		}
		if v, note := w.pick(l); v != "" {
			return v, note, nil
		}
		if asked {
			return "", "", &noVersion{nearest(l.versions, w.text, compareSemver)}
		}
	}
	return "", "", errNoVersion
}

func (d *nodeDist) parse(r io.Reader) (nodeIndex, error) {
	var all []struct {
		Version string          `json:"version"`
		Files   []string        `json:"files"`
		LTS     json.RawMessage `json:"lts"`
	}
	if err := json.NewDecoder(r).Decode(&all); err != nil {
		return nodeIndex{}, fmt.Errorf("reading index.json: %w", plain(err))
	}
	ix := nodeIndex{LTS: map[string]string{}}
	for _, e := range all {
		v := exactly(e.Version)
		if v == "" || !slices.Contains(e.Files, d.platform()) {
			continue
		}
		var codename string
		_ = json.Unmarshal(e.LTS, &codename) // it is false where the release is not LTS
		ix.LTS[v] = codename
	}
	return ix, nil
}

func (d *nodeDist) fetch(ctx context.Context, version string, j *job) (string, error) {
	dir := d.base() + "/v" + version + "/"
	file := fmt.Sprintf("node-v%s-%s.tar.gz", version, d.platform())
	sums, err := d.st.web.read(ctx, dir+"SHASUMS256.txt", nil, 1<<20)
	if err != nil {
		return "", err
	}
	want, err := sumOf(sums, file)
	if err != nil {
		return "", err
	}
	packed := filepath.Join(j.temp, "node.tar.gz")
	h := sha256.New()
	if err := d.st.web.download(ctx, dir+file, nil, packed, j.part(), h); err != nil {
		return "", err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return "", &digestError{file, "sha256:" + want, "sha256:" + got}
	}
	if err := unpackFile(ctx, packed, j.tree, 1); err != nil {
		return "", fmt.Errorf("unpacking %s: %w", file, err)
	}
	return "sha256:" + want, finishNode(j.tree)
}

// sumOf finds a file's line in a list of sha256 sums. Old lists write "./file".
func sumOf(sums []byte, file string) (string, error) {
	sc := bufio.NewScanner(bytes.NewReader(sums))
	for sc.Scan() {
		sum, name, ok := strings.Cut(sc.Text(), " ")
		if ok && strings.TrimPrefix(strings.TrimLeft(name, " *"), "./") == file {
			if b, err := hex.DecodeString(sum); err == nil && len(b) == sha256.Size {
				return strings.ToLower(sum), nil
			}
		}
	}
	return "", fmt.Errorf("verifying %s: SHASUMS256.txt does not name it", file)
}

// plain keeps a decoder's error to one line that says what is wrong with the document.
func plain(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("it is not JSON")
	}
	return err
}
