package node

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"strings"
)

// sha512Of finds the sha512 digest in a Subresource Integrity text.
func sha512Of(integrity string) ([]byte, error) {
	for _, part := range strings.Fields(integrity) {
		if text, ok := strings.CutPrefix(part, "sha512-"); ok {
			text, _, _ = strings.Cut(text, "?")
			if b, err := base64.StdEncoding.DecodeString(text); err == nil && len(b) == sha512.Size {
				return b, nil
			}
		}
	}
	return nil, errors.New("the registry states no sha512 for it")
}

// pins are the digests of one file that a packageManager field may pin, the sha512 first.
type pins []struct {
	algorithm string
	hash      hash.Hash
}

func newPins() pins {
	return pins{
		{"sha512", sha512.New()}, {"sha256", sha256.New()}, {"sha224", sha256.New224()},
		{"sha384", sha512.New384()}, {"sha1", sha1.New()},
	}
}

func (p pins) sha512() []byte { return p[0].hash.Sum(nil) }

func (p pins) hashes() (list []hash.Hash) {
	for _, e := range p {
		list = append(list, e.hash)
	}
	return list
}

// texts are the digests as "sha512.‹hex›".
func (p pins) texts() (list []string) {
	for _, e := range p {
		list = append(list, e.algorithm+"."+hex.EncodeToString(e.hash.Sum(nil)))
	}
	return list
}

// pinsOf are the digests of a file.
func pinsOf(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := newPins()
	for _, e := range p {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		if _, err := io.Copy(e.hash, f); err != nil {
			return nil, err
		}
	}
	return p.texts(), nil
}
