package blobstore

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"slugc/cache/digest"
	"slugc/compiler/fault"
)

// s3 keeps objects in a bucket of Amazon's S3 or of a server that speaks its protocol.
type s3 struct {
	place
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
		return nil, errURL(fmt.Sprintf("%.63q is not a bucket's name", s.bucket))
	}
	if s3utils.CheckValidObjectNamePrefix(s.prefix) != nil {
		return nil, errURL("the prefix is malformed")
	}
	endpoint, err := url.Parse(either(query.Get("endpoint"), amazon))
	if err != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https" || endpoint.Host == "" ||
		endpoint.User != nil ||
		strings.Trim(endpoint.Path, "/") != "" ||
		endpoint.RawQuery != "" {
		return nil, errURL("the endpoint is not http(s)://host:port")
	}
	s.base = &url.URL{Scheme: "s3", Host: s.bucket, Path: s.prefix, RawQuery: query.Encode()}
	s.place = place(s.url(""))
	s.client, err = minio.New(endpoint.Host, &minio.Options{
		Creds: s3Credentials(o), Secure: endpoint.Scheme == "https", Region: either(query.Get("region"), "us-east-1"),
		Transport: newTransport(o.idle), MaxRetries: 1,
	})
	if err != nil {
		return nil, errURL("the endpoint is not http(s)://host:port")
	}
	return &indexed{o, s.place, s}, nil
}

// s3Credentials are those of the settings, else the machine's if they are wanted, else none: a
// bucket may be public.
func s3Credentials(o Options) *credentials.Credentials {
	id, secret := o.Settings["AWS_ACCESS_KEY_ID"], o.Settings["AWS_SECRET_ACCESS_KEY"]
	if id == "" && secret == "" && o.Machine {
		return credentials.NewChainCredentials(
			[]credentials.Provider{
				&credentials.FileAWSCredentials{},
				&credentials.FileMinioClient{},
				&credentials.IAM{},
			},
		)
	}
	return credentials.NewStaticV4(id, secret, o.Settings["AWS_SESSION_TOKEN"])
}

func either(value, usual string) string {
	if value == "" {
		return usual
	}
	return value
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
	// Each object goes in one request whose signature covers the SHA-256 of the whole, which the
	// server checks; it keeps it too, if it knows checksums.
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

func (s *s3) holds(ctx context.Context, key string, size int64, want digest.Digest) (bool, error) {
	info, err := s.client.StatObject(ctx, s.bucket, s.key(key), minio.StatObjectOptions{Checksum: want != ""})
	if err := s.fault(ctx, key, err); err != nil {
		if fault.Of(err).ID == "blobstore/missing" {
			return false, nil
		}
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

// fault makes an error of the client's.
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
	case answer.Code == minio.BadDigest || answer.Code == minio.XAmzContentSHA256Mismatch || answer.Code == minio.IncompleteBody:
		return s.unreachable(errors.New("what was sent did not arrive as it was"))
	}
	return s.answer(answer.StatusCode, answer.Code)
}
