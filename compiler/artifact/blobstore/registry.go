package blobstore

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/slug"
)

func (s *oci) Put(ctx context.Context, file string, want digest.Digest) (string, Transfer, error) {
	if err := checkDigest(want); err != nil {
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
	if is != want {
		return "", Transfer{}, otherSlug(file, is, want)
	}
	links, err := linksOf(m)
	if err != nil {
		return "", Transfer{}, err
	}
	config, manifest, err := image(m, want, archives, trailer, links)
	if err != nil {
		return "", Transfer{}, err
	}
	f, err := disk.OpenRegular(file)
	if err != nil {
		return "", Transfer{}, fmt.Errorf("storing slug: %w", err)
	}
	defer f.Close()
	c := counter{progress: s.Progress}
	for _, a := range archives {
		c.total += a.Size
	}
	up := &uploader{oci: s}
	sent := make([]bool, len(archives)) // also in an earlier attempt, whose answer was lost
	err = s.forEach(ctx, indices(len(archives)), func(ctx context.Context, i int) error {
		now, err := up.upload(ctx, archiveBlob(archives[i], f))
		if sent[i] = sent[i] || now; err == nil {
			c.add(archives[i].Size, !sent[i])
		}
		return err
	})
	if err != nil {
		return "", c.transfer(), err
	}
	err = s.retry(ctx, func() error {
		if links != nil {
			if _, err := up.upload(ctx, links); err != nil {
				return err
			}
		}
		if _, err := up.upload(ctx, bytesBlob(config, types.OCIConfigJSON)); err != nil {
			return err
		}
		return up.tagManifest(ctx, want, manifest)
	})
	return "oci://" + s.repo.Name() + "@" + digest.Of(manifest).String(), c.transfer(), err
}

// uploader holds the client's connection and token until one of them fails: the client would keep
// failing. Its methods may be called concurrently.
type uploader struct {
	*oci
	mu     sync.Mutex
	pusher *remote.Pusher
}

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

// upload sends a blob unless the repository has it, and returns whether it sent it, also with an
// error.
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

// tagManifest puts the manifest under the slug's tag and reads it back.
func (u *uploader) tagManifest(ctx context.Context, d digest.Digest, manifest []byte) error {
	p, err := u.get()
	if err != nil {
		return err
	}
	if err := p.Put(ctx, u.tag(d), rawManifest(manifest)); err != nil {
		u.drop(p)
		return u.fault(ctx, "repository "+u.repo.RepositoryStr(), err)
	}
	pull, err := remote.NewPuller(u.client...)
	if err != nil {
		return err
	}
	if _, err := pull.Get(ctx, u.repo.Digest(digest.Of(manifest).String())); err != nil {
		return u.fault(ctx, "the manifest that was just put", err)
	}
	return nil
}

// find reads and checks the manifest of a slug's image.
func (s *oci) find(ctx context.Context, pull *remote.Puller, url string, want digest.Digest) (*slugImage, error) {
	if err := checkDigest(want); err != nil {
		return nil, err
	}
	ref, err := s.reference(url, want)
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
	image, err := parseImage(manifest, want)
	if err != nil {
		return nil, s.damaged("the image of slug "+want.String(), err)
	}
	return image, nil
}

func (s *oci) Get(
	ctx context.Context, url string, want digest.Digest, to string, have []string,
) (Transfer, error) {
	pull, err := remote.NewPuller(s.client...)
	if err != nil {
		return Transfer{}, err
	}
	image, err := s.find(ctx, pull, url, want)
	if err != nil {
		return Transfer{}, err
	}
	r, err := slug.NewRebuild(to, want, image.parts, true)
	if err != nil {
		return Transfer{}, err
	}
	defer r.Close()
	open := func(ctx context.Context, i int) (io.Reader, io.Closer, error) {
		body, err := s.blob(ctx, pull, image.layers[i])
		if err != nil {
			return nil, nil, err
		}
		from, err := slug.FromArchive(i, len(image.parts), body, image.parts[i].Size, image.trailer)
		if err != nil {
			_ = body.Close()
			return nil, nil, s.network(ctx, err)
		}
		return from, body, nil
	}
	return s.fetch(ctx, s.location, rebuilding{r, image.parts, have}, open)
}

// blob opens a blob of the repository.
func (s *oci) blob(ctx context.Context, pull *remote.Puller, d v1.Descriptor) (io.ReadCloser, error) {
	layer, err := pull.Layer(ctx, s.ref(d))
	if err == nil {
		var body io.ReadCloser
		if body, err = layer.Compressed(); err == nil {
			return unverified{body}, nil
		}
	}
	return nil, s.fault(ctx, "the part "+d.Digest.String(), err)
}

// unverified replaces the client's error about a blob's digest, which has no type, by the end of
// the blob: [slug.Rebuild] checks the parts that it writes.
type unverified struct{ io.ReadCloser }

func (u unverified) Read(b []byte) (int, error) {
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
	image, err := s.find(ctx, pull, url, want)
	if err != nil {
		return err
	}
	blobs := slices.Concat(image.layers, image.others)
	return s.forEach(ctx, indices(len(blobs)), func(ctx context.Context, i int) error {
		what := "the part " + blobs[i].Digest.String()
		layer, err := pull.Layer(ctx, s.ref(blobs[i]))
		var size int64
		if err == nil {
			size, err = layer.Size()
		}
		if err != nil {
			return s.fault(ctx, what, err)
		}
		if size != blobs[i].Size {
			return s.damaged(what, fmt.Errorf("it has %d bytes, not %d", size, blobs[i].Size))
		}
		return nil
	})
}
