package blobstore

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"slugc/cache/digest"
)

// s3 keeps objects in a bucket of Amazon's S3 or of a server that speaks its protocol.
type s3 struct {
	location
	base           *url.URL // the store's own
	client         *minio.Client
	bucket, prefix string
}

// amazon is the endpoint where a URL names none.
const amazon = "https://s3.amazonaws.com"

func openS3(u *url.URL, o Options) (Store, error) {
	query := u.Query()
	s := &s3{bucket: u.Host, prefix: strings.Trim(path.Clean("/"+u.Path), "/")}
	if err := s3utils.CheckValidBucketNameStrict(s.bucket); err != nil {
		return nil, badURL("%.63q is not a bucket's name", s.bucket)
	}
	if s3utils.CheckValidObjectNamePrefix(s.prefix) != nil {
		return nil, badURL("the prefix is malformed")
	}
	endpoint, err := url.Parse(cmp.Or(query.Get("endpoint"), amazon))
	if err != nil || !isOrigin(endpoint) {
		return nil, badURL("the endpoint is not http(s)://host:port")
	}
	s.base = &url.URL{Scheme: "s3", Host: s.bucket, Path: s.prefix, RawQuery: query.Encode()}
	s.location = location(s.url(""))
	s.client, err = minio.New(endpoint.Host, &minio.Options{
		Creds: s3Credentials(o), Secure: endpoint.Scheme == "https", Region: cmp.Or(query.Get("region"), "us-east-1"),
		Transport:  guardedTransport{newTransport(o.idle), s.location, endpoint.Scheme == "https"},
		MaxRetries: 1,
	})
	if err != nil {
		return nil, badURL("the endpoint is not http(s)://host:port")
	}
	return &partStore{o, s.location, s}, nil
}

// isOrigin reports whether a URL is http(s)://host:port and nothing else.
func isOrigin(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
		strings.Trim(u.Path, "/") == "" && u.RawQuery == ""
}

// s3Credentials are those of the options, else the machine's if the options allow it, else none: a
// bucket may be public.
func s3Credentials(o Options) *credentials.Credentials {
	id, secret := o.Credentials["AWS_ACCESS_KEY_ID"], o.Credentials["AWS_SECRET_ACCESS_KEY"]
	if id == "" && secret == "" && o.MachineCredentials {
		return credentials.NewChainCredentials([]credentials.Provider{
			&credentials.FileAWSCredentials{}, &credentials.FileMinioClient{}, &credentials.IAM{},
		})
	}
	return credentials.NewStaticV4(id, secret, o.Credentials["AWS_SESSION_TOKEN"])
}

func (s *s3) key(key string) string { return path.Join(s.prefix, key) }

func (s *s3) url(key string) string {
	u := *s.base
	u.Path = path.Join("/", s.key(key))
	return u.String()
}

func (s *s3) put(ctx context.Context, key string, body *io.SectionReader, want digest.Digest) error {
	sha := want.Hex()
	sum, err := hex.DecodeString(sha)
	if err != nil {
		return err
	}
	// An object is sent in one request. Its signature covers the SHA-256 of the object, which the
	// server checks (and keeps, if it supports checksums).
	core := minio.Core{Client: s.client}
	_, err = core.PutObject(ctx, s.bucket, s.key(key), body, body.Size(), "", sha, minio.PutObjectOptions{
		DisableContentSha256: true, ContentType: "application/octet-stream",
		UserMetadata: map[string]string{"x-amz-checksum-sha256": base64.StdEncoding.EncodeToString(sum)},
	})
	return s.fault(ctx, key, err)
}

func (s *s3) get(ctx context.Context, key string) (io.ReadCloser, error) {
	core := minio.Core{Client: s.client}
	body, _, _, err := core.GetObject(ctx, s.bucket, s.key(key), minio.GetObjectOptions{})
	if err != nil {
		return nil, s.fault(ctx, key, err)
	}
	return body, nil
}

func (s *s3) has(ctx context.Context, key string, size int64, want digest.Digest) (bool, error) {
	info, err := s.client.StatObject(ctx, s.bucket, s.key(key), minio.StatObjectOptions{Checksum: want != ""})
	err = s.fault(ctx, key, err)
	if errors.Is(err, ErrMissing) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if info.ChecksumSHA256 != "" && want != "" {
		sum, err := base64.StdEncoding.DecodeString(info.ChecksumSHA256)
		if err != nil || hex.EncodeToString(sum) != want.Hex() {
			return false, nil
		}
	}
	return info.Size == size, nil
}

// damagedOnTheWay are the codes of a server that received something else than was sent.
var damagedOnTheWay = []string{minio.BadDigest, minio.XAmzContentSHA256Mismatch, minio.IncompleteBody}

// fault makes an error of the client's error.
func (s *s3) fault(ctx context.Context, key string, err error) error {
	if err == nil {
		return nil
	}
	answer, ok := errors.AsType[minio.ErrorResponse](err)
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return s.refused("it speaks plain HTTP")
	case !ok || answer.StatusCode == 0:
		return s.network(ctx, err)
	case answer.Code == minio.NoSuchBucket:
		return s.noBucket(s.bucket)
	case answer.StatusCode == http.StatusNotFound:
		return s.missing(fmt.Sprintf("%q", key))
	case slices.Contains(damagedOnTheWay, answer.Code):
		return s.unreachable(errDamagedOnTheWay)
	}
	return s.answer(answer.StatusCode, answer.Code)
}
