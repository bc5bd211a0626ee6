package blobstore

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"slugc/cache/digest"
	"slugc/compiler/slug"
)

func (s *oci) Put(ctx context.Context, file string, want digest.Digest) (string, Transfer, error) {
	hex, err := hexOf(want)
	if err != nil {
		return "", Transfer{}, err
	}
	m, err := slug.Inspect(file)
	if err != nil {
		return "", Transfer{}, err
	}
	archives, is, trailer, err := slug.Archives(ctx, file)
	if err != nil {
		return "", Transfer{}, err
	}
	if err := checkDigest(file, is, want); err != nil {
		return "", Transfer{}, err
	}
	config, manifest, err := image(m, want, archives, trailer)
	if err != nil {
		return "", Transfer{}, err
	}
	f, err := os.Open(file)
	if err != nil {
		return "", Transfer{}, fmt.Errorf("storing slug: %w", err)
	}
	defer f.Close()
	t := tally{progress: s.Progress}
	for _, a := range archives {
		t.total += a.Size
	}
	up := s.uploader()
	sent := make([]bool, len(archives)) // also at a former try, whose answer was lost
	err = s.each(ctx, indices(len(archives)), func(ctx context.Context, i int) error {
		now, err := up.upload(ctx, archiveBlob(archives[i], f))
		if sent[i] = sent[i] || now; err == nil {
			t.note(archives[i].Size, !sent[i])
		}
		return err
	})
	if err != nil {
		return "", t.transfer(), err
	}
	err = s.retry(ctx, func() error {
		if _, err := up.upload(ctx, bytesBlob(config, types.OCIConfigJSON)); err != nil {
			return err
		}
		return up.name(ctx, hex, manifest)
	})
	return "oci://" + s.repo.Name() + "@" + digest.Of(manifest).String(), t.transfer(), err
}

// uploader holds the client's connection and token, until one of them fails: the client remembers
// what failed.
type uploader struct {
	*oci
	mu     sync.Mutex
	pusher *remote.Pusher
}

func (s *oci) uploader() *uploader { return &uploader{oci: s} }

func (u *uploader) get() (*remote.Pusher, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.pusher == nil {
		p, err := remote.NewPusher(u.client...)
		if err != nil {
			return nil, err
		}
		u.pusher = p
	}
	return u.pusher, nil
}

func (u *uploader) drop(p *remote.Pusher) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.pusher == p {
		u.pusher = nil
	}
}

// upload sends a blob unless the repository has it, and says whether it did, also with an error.
func (u *uploader) upload(ctx context.Context, b *blob) (sent bool, err error) {
	p, err := u.get()
	if err != nil {
		return false, err
	}
	if err := p.Upload(ctx, u.repo, b); err != nil {
		u.drop(p)
		return b.sent, u.fault(ctx, "repository "+u.repo.RepositoryStr(), err)
	}
	return b.sent, nil
}

// name puts the manifest and reads it back.
func (u *uploader) name(ctx context.Context, hex string, manifest []byte) error {
	p, err := u.get()
	if err != nil {
		return err
	}
	if err := p.Put(ctx, u.tag(hex), manifestOf(manifest)); err != nil {
		u.drop(p)
		return u.fault(ctx, "repository "+u.repo.RepositoryStr(), err)
	}
	pull, err := remote.NewPuller(u.client...)
	if err != nil {
		return err
	}
	if _, err := pull.Get(ctx, u.repo.Digest(digest.Of(manifest).String())); err != nil {
		return u.fault(ctx, "the manifest that was just put there", err)
	}
	return nil
}

// find reads and checks the manifest of a slug's image.
func (s *oci) find(ctx context.Context, pull *remote.Puller, url string, want digest.Digest) (*described, error) {
	hex, err := hexOf(want)
	if err != nil {
		return nil, err
	}
	ref, err := s.reference(url, hex)
	if err != nil {
		return nil, err
	}
	var manifest []byte
	err = s.retry(ctx, func() error {
		d, err := pull.Get(ctx, ref)
		if err != nil {
			return s.fault(ctx, "slug "+want.String(), err)
		}
		manifest = d.Manifest
		return nil
	})
	if err != nil {
		return nil, err
	}
	d, err := describes(manifest, want)
	if err != nil {
		return nil, s.damaged("the image of slug "+want.String(), err)
	}
	return d, nil
}

func (s *oci) Get(ctx context.Context, url string, want digest.Digest, to string, have []string) (Transfer, error) {
	pull, err := remote.NewPuller(s.client...)
	if err != nil {
		return Transfer{}, err
	}
	d, err := s.find(ctx, pull, url, want)
	if err != nil {
		return Transfer{}, err
	}
	r, err := slug.NewRebuild(to, want, d.parts, true)
	if err != nil {
		return Transfer{}, err
	}
	defer r.Close()
	return s.fetch(ctx, s.place, r, d.parts, have, func(ctx context.Context, i int) (io.Reader, io.Closer, error) {
		body, err := s.blob(ctx, pull, d.layers[i])
		if err != nil {
			return nil, nil, err
		}
		from, err := slug.FromArchive(i, len(d.parts), body, d.parts[i].Size, d.trailer)
		if err != nil {
			body.Close()
			return nil, nil, s.network(ctx, err)
		}
		return from, body, nil
	})
}

// blob opens one of the repository's.
func (s *oci) blob(ctx context.Context, pull *remote.Puller, d v1.Descriptor) (io.ReadCloser, error) {
	layer, err := pull.Layer(ctx, s.ref(d))
	if err == nil {
		var body io.ReadCloser
		if body, err = layer.Compressed(); err == nil {
			return unjudged{body}, nil
		}
	}
	return nil, s.fault(ctx, "the part "+d.Digest.String(), err)
}

// unjudged takes the client's verdict on a blob's digest, which has no type, for the blob's end:
// parts are judged where they are written.
type unjudged struct{ io.ReadCloser }

func (u unjudged) Read(b []byte) (int, error) {
	n, err := u.ReadCloser.Read(b)
	if err != nil && strings.HasPrefix(err.Error(), "error verifying ") {
		err = io.EOF
	}
	return n, err
}

func (s *oci) ref(d v1.Descriptor) name.Digest { return s.repo.Digest(d.Digest.String()) }

func (s *oci) Stat(ctx context.Context, url string, want digest.Digest) error {
	pull, err := remote.NewPuller(s.client...)
	if err != nil {
		return err
	}
	d, err := s.find(ctx, pull, url, want)
	if err != nil {
		return err
	}
	blobs := append(d.layers, d.config)
	return s.each(ctx, indices(len(blobs)), func(ctx context.Context, i int) error {
		layer, err := pull.Layer(ctx, s.ref(blobs[i]))
		var size int64
		if err == nil {
			size, err = layer.Size()
		}
		if err := s.fault(ctx, "the part "+blobs[i].Digest.String(), err); err != nil {
			return err
		}
		if size != blobs[i].Size {
			return s.damaged(
				"the part "+blobs[i].Digest.String(),
				fmt.Errorf("it has %d bytes, not %d", size, blobs[i].Size),
			)
		}
		return nil
	})
}
