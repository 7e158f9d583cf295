// Package s3 is a vault.Store in a bucket of a server that speaks S3. A content
// is one object; its name is the key, below a prefix.
//
// An object appears when it is complete, and put-if-absent (If-None-Match: *)
// keeps it from being replaced. The server compares what arrives with the
// SHA-256 that we send behind it, and keeps that checksum.
package s3

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"flashwarden/internal/vault"
)

// Scheme is the scheme of the URLs of this package.
const Scheme = "s3"

// aws is the server of a URL without an endpoint.
const aws = "https://s3.amazonaws.com"

// ErrURL is the error of a URL that names no bucket; test with errors.Is.
var ErrURL = errors.New("S3 URL")

// maxSinglePut is the greatest size of an object in bytes that S3 takes in one
// request. Of a larger one it computes no SHA-256.
const maxSinglePut = 5 << 30

// tries is how often a request is made before its error counts.
const tries = 4

// Store is a vault.Store in a bucket.
type Store struct {
	client *minio.Client
	bucket string
	prefix string // of all object names; empty, or ends with a slash
	lock   time.Duration
	mode   minio.RetentionMode
}

// target is what a URL says.
type target struct {
	bucket, prefix   string
	endpoint, region string
	secure           bool
	days             int // for which an object cannot be removed; 0: none
	mode             minio.RetentionMode
}

// parse reads s3://BUCKET/PREFIX?endpoint=https://HOST[:PORT]&region=REGION&lock=DAYSd&lock-mode=MODE.
func parse(u *url.URL) (target, error) {
	t := target{bucket: u.Host, prefix: strings.Trim(path.Clean("/"+u.Path), "/")}
	if t.prefix != "" {
		t.prefix += "/"
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return t, err
	}
	for name := range q {
		if !slices.Contains([]string{"endpoint", "region", "lock", "lock-mode"}, name) {
			return t, fmt.Errorf("it has %q: only endpoint, region, lock and lock-mode are known", name)
		}
	}
	if u.User != nil {
		return t, errors.New("it has a user: keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from ~/.aws/credentials")
	}
	if u.Scheme != Scheme || t.bucket == "" || u.Fragment != "" {
		return t, errors.New("it names no bucket: write s3://BUCKET/PREFIX?endpoint=https://HOST")
	}
	if err := s3utils.CheckValidBucketName(t.bucket); err != nil {
		return t, fmt.Errorf("no bucket can have the name %q: %w", t.bucket, err)
	}
	t.region = q.Get("region")
	if err := t.setLock(q.Get("lock"), q.Get("lock-mode")); err != nil {
		return t, err
	}
	if q.Get("endpoint") == "" {
		q.Set("endpoint", aws)
	}
	return t, t.setEndpoint(q.Get("endpoint"))
}

// longestLock is the longest time of a lock in days: hundred years.
const longestLock = 36_500

// setLock reads for how long objects cannot be removed, and in which mode.
func (t *target) setLock(text, mode string) error {
	if text == "" && mode == "" {
		return nil
	}
	days, err := strconv.Atoi(strings.TrimSuffix(text, "d"))
	if err != nil || !strings.HasSuffix(text, "d") || days < 1 || days > longestLock {
		return fmt.Errorf("its lock %q is not a number of days such as 90d", text)
	}
	t.days, t.mode = days, minio.Governance
	switch mode {
	case "compliance":
		t.mode = minio.Compliance
	case "", "governance":
	default:
		return fmt.Errorf("its lock-mode %q is neither governance nor compliance", mode)
	}
	return nil
}

// setEndpoint reads the address of the server. Only on this host it needs no
// encryption.
func (t *target) setEndpoint(text string) error {
	e, err := url.Parse(text)
	switch {
	case err != nil || e.Host == "" || e.Scheme != "https" && e.Scheme != "http" || strings.Trim(e.Path, "/") != "":
		return fmt.Errorf("its endpoint %q is not https://HOST[:PORT]", text)
	case e.Scheme == "http" && e.Hostname() != "localhost" && !net.ParseIP(e.Hostname()).IsLoopback():
		return fmt.Errorf("its endpoint %q would send the vault unencrypted: use https", text)
	}
	t.endpoint, t.secure = e.Host, e.Scheme == "https"
	return nil
}

// ErrNoBucket reports that the server does not have the bucket.
var ErrNoBucket = errors.New("the server has no bucket")

// ErrNoLock reports that the bucket cannot keep objects from being removed.
var ErrNoLock = errors.New("object lock is not enabled for this bucket")

// Open returns the store of the URL. It asks the server nothing.
func Open(u *url.URL) (*Store, error) {
	t, err := parse(u)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	keys := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}
	if "https://"+t.endpoint == aws {
		keys = append(keys, &credentials.IAM{}) // asks AWS's own network
	}
	client, err := minio.New(t.endpoint, &minio.Options{Creds: credentials.NewChainCredentials(keys), Secure: t.secure, Region: t.region,
		TrailingHeaders: true, MaxRetries: tries})
	if err != nil {
		return nil, err
	}
	return &Store{client: client, bucket: t.bucket, prefix: t.prefix, lock: time.Duration(t.days) * 24 * time.Hour, mode: t.mode}, nil
}

// Reach asks the server for the bucket. The error is ErrNoBucket if it has none.
func (s *Store) Reach(ctx context.Context) error {
	exists, err := s.client.BucketExists(ctx, s.bucket)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", s.bucket, err)
	}
	if !exists {
		return fmt.Errorf("%w %s", ErrNoBucket, s.bucket)
	}
	return s.wantLock(ctx)
}

// wantLock wants a bucket with object lock if objects are to be locked.
func (s *Store) wantLock(ctx context.Context) error {
	if s.lock == 0 {
		return nil
	}
	enabled, _, _, _, err := s.client.GetObjectLockConfig(ctx, s.bucket)
	if minio.ToErrorResponse(err).StatusCode == http.StatusNotFound || err == nil && enabled != "Enabled" {
		return fmt.Errorf("bucket %s: %w", s.bucket, ErrNoLock)
	}
	if err != nil {
		return fmt.Errorf("object lock of bucket %s: %w", s.bucket, err)
	}
	return nil
}

// name returns the name of the object for key.
func (s *Store) name(ctx context.Context, key string) (string, error) {
	if !vault.ValidKey(key) {
		return "", fmt.Errorf("%q is not a key of a vault", key)
	}
	return s.prefix + key, ctx.Err()
}

// Put implements vault.Store.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	o := s.putOptions(size)
	o.SetMatchETagExcept("*")
	err := s.put(ctx, key, r, size, o)
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) || answer.StatusCode != http.StatusPreconditionFailed && answer.StatusCode != http.StatusConflict {
		return err
	}
	// Conflict: another process puts it at this moment. Only the stored content counts.
	_, absent := s.Stat(ctx, key)
	switch {
	case absent == nil:
		return vault.ErrExists
	case errors.Is(absent, vault.ErrNotFound) && answer.StatusCode == http.StatusPreconditionFailed:
		// To versitygw 1.8, a delete marker takes the key.
		return fmt.Errorf("%s was removed, and this server takes no new content for it; remove its delete marker in the bucket: %w", s.prefix+key, err)
	}
	return err
}

// Replace implements vault.Replacer.
func (s *Store) Replace(ctx context.Context, key string, r io.Reader, size int64) error {
	return s.put(ctx, key, r, size, s.putOptions(size))
}

func (s *Store) putOptions(size int64) minio.PutObjectOptions {
	o := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: size <= maxSinglePut,
		Checksum: minio.ChecksumSHA256, DisableContentSha256: true} // TLS and the checksum protect the bytes; no signature for each chunk
	if s.lock > 0 {
		o.Mode, o.RetainUntilDate = s.mode, s.until()
	}
	return o
}

// put puts an object. The library cannot send a content again, so put does, if r can go
// back to its beginning.
func (s *Store) put(ctx context.Context, key string, r io.Reader, size int64, o minio.PutObjectOptions) error {
	name, err := s.name(ctx, key)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		err := s.putOnce(ctx, name, r, size, o)
		back, ok := r.(io.Seeker)
		if err == nil || !ok || try == tries || !passing(err) {
			return err
		}
		if _, unread := back.Seek(0, io.SeekStart); unread != nil {
			return errors.Join(err, unread)
		}
		select {
		case <-time.After(time.Second << (try - 1)):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// contentError is an error of reading a content that is to be put.
type contentError struct{ error }

// Unwrap returns the reason.
func (e contentError) Unwrap() error { return e.error }

// passing reports whether an error of a put may be gone soon: the connection is lost, the
// server is too busy, or another process puts the same object at this moment.
func passing(err error) bool {
	var content contentError
	if errors.As(err, &content) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var answer minio.ErrorResponse
	return !errors.As(err, &answer) || answer.StatusCode >= http.StatusInternalServerError || answer.StatusCode == http.StatusTooManyRequests ||
		answer.StatusCode == http.StatusConflict
}

func (s *Store) putOnce(ctx context.Context, name string, r io.Reader, size int64, o minio.PutObjectOptions) error {
	exact := &exactReader{r: r, left: size}
	if size == 0 { // then the library reads nothing
		if _, err := exact.Read(nil); err != io.EOF {
			return contentError{err}
		}
	}
	_, err := s.client.PutObject(ctx, s.bucket, name, exact, size, o)
	if exact.failed != nil {
		return errors.Join(contentError{exact.failed}, err)
	}
	return err
}

// exactReader returns an error in place of the last bytes where there are not
// exactly as many as there should be: so no other number is sent.
type exactReader struct {
	r      io.Reader
	left   int64
	failed error // but io.EOF
}

// Read implements io.Reader.
func (e *exactReader) Read(p []byte) (int, error) {
	if e.failed != nil {
		return 0, e.failed
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	switch {
	case err == io.EOF && e.left > 0:
		e.failed = fmt.Errorf("the content ends %d bytes before its size", e.left)
	case err != nil && err != io.EOF:
		e.failed = err
	case e.left == 0 && err == nil:
		e.failed = wantEnd(e.r)
	}
	if e.failed != nil {
		return 0, e.failed
	}
	if n == 0 && e.left == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// wantEnd wants no more bytes.
func wantEnd(r io.Reader) error {
	n, err := io.ReadFull(r, make([]byte, 1))
	switch {
	case n > 0:
		return errors.New("the content has more bytes than its size")
	case err == io.EOF:
		return nil
	}
	return err
}

// Get implements vault.Store.
func (s *Store) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	name, err := s.name(ctx, key)
	if err != nil {
		return nil, err
	}
	var o minio.GetObjectOptions
	if offset > 0 {
		if err := o.SetRange(offset, 0); err != nil {
			return nil, err
		}
	}
	r, _, _, err := minio.Core{Client: s.client}.GetObject(ctx, s.bucket, name, o)
	if offset > 0 && minio.ToErrorResponse(err).StatusCode == http.StatusRequestedRangeNotSatisfiable {
		return io.NopCloser(strings.NewReader("")), nil // nothing follows the end
	}
	if err != nil {
		return nil, absent(err)
	}
	return r, nil
}

// Stat implements vault.Store.
func (s *Store) Stat(ctx context.Context, key string) (vault.Info, error) {
	info, err := s.stat(ctx, key)
	return vault.Info{Key: key, Size: info.Size, Modified: info.LastModified}, err
}

// Checksum implements vault.Checksummer.
func (s *Store) Checksum(ctx context.Context, key string) (string, error) {
	info, err := s.stat(ctx, key)
	if err != nil {
		return "", err
	}
	return checksumOf(info.ChecksumSHA256), nil
}

func (s *Store) stat(ctx context.Context, key string) (minio.ObjectInfo, error) {
	name, err := s.name(ctx, key)
	if err != nil {
		return minio.ObjectInfo{}, err
	}
	info, err := s.client.StatObject(ctx, s.bucket, name, minio.StatObjectOptions{Checksum: true})
	return info, absent(err)
}

// List implements vault.Store.
func (s *Store) List(ctx context.Context, prefix string, yield func(vault.Info) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing
	for o := range s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix + prefix, Recursive: true}) {
		if err := errors.Join(o.Err, ctx.Err()); err != nil {
			return err
		}
		key := strings.TrimPrefix(o.Key, s.prefix)
		if !vault.ValidKey(key) {
			continue
		}
		if err := yield(vault.Info{Key: key, Size: o.Size, Modified: o.LastModified}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Delete implements vault.Store. S3 does not say whether there was anything to
// delete.
func (s *Store) Delete(ctx context.Context, key string) error {
	if _, err := s.stat(ctx, key); err != nil {
		return err
	}
	return s.client.RemoveObject(ctx, s.bucket, s.prefix+key, minio.RemoveObjectOptions{})
}

// absent makes the error of a missing object an ErrNotFound. A missing bucket is
// no answer.
func absent(err error) error {
	if err != nil && minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return vault.ErrNotFound
	}
	return err
}

// checksumOf returns a checksum of S3 in hexadecimal; empty if it was computed over
// the checksums of several parts, not over the whole content.
func checksumOf(text string) string {
	sum, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sum) != sha256.Size {
		return ""
	}
	return hex.EncodeToString(sum)
}
