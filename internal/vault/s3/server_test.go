package s3

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// bucketInMemory is as much of an S3 server as a Store needs: one bucket called vault, whose
// objects are in memory. It judges less than a real server, but it is always there.
type bucketInMemory struct {
	mu      sync.Mutex
	objects map[string]object
}

type object struct {
	content  []byte
	modified time.Time
}

// checksum is the SHA-256 of the content, as S3 writes it.
func (o object) checksum() string {
	sum := sha256.Sum256(o.content)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// memoryServer starts a bucketInMemory and returns its address.
func memoryServer(t testing.TB) (address string) {
	t.Helper()
	server := httptest.NewServer(&bucketInMemory{objects: map[string]object{}})
	t.Cleanup(server.Close)
	setKeys(t)
	return server.Listener.Addr().String()
}

// ServeHTTP implements http.Handler.
func (b *bucketInMemory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	content, sum, err := received(r)
	b.mu.Lock()
	defer b.mu.Unlock()
	o, exists := b.objects[key]
	switch {
	case bucket != "vault":
		refuse(w, http.StatusNotFound, "NoSuchBucket")
	case key == "" && r.Method == http.MethodHead: // the bucket exists
	case key == "":
		b.list(w, r.URL.Query().Get("prefix"), r.URL.Query().Get("continuation-token"))
	case r.Method == http.MethodPut && exists && r.Header.Get("If-None-Match") == "*":
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	case r.Method == http.MethodPut && (err != nil || sum != content.checksum() && len(content.content) > 0): // nothing has no checksum
		refuse(w, http.StatusBadRequest, "BadDigest")
	case r.Method == http.MethodPut:
		b.objects[key] = content
		w.Header().Set("ETag", `"x"`)
	case !exists:
		refuse(w, http.StatusNotFound, "NoSuchKey")
	case r.Method == http.MethodDelete:
		delete(b.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("ETag", `"x"`)
		w.Header().Set("X-Amz-Checksum-Sha256", o.checksum())
		http.ServeContent(w, r, "", o.modified, bytes.NewReader(o.content))
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
}

// page is how many objects one answer lists.
const page = 50

// list answers a ListObjectsV2.
func (b *bucketInMemory) list(w http.ResponseWriter, prefix, after string) {
	type contents struct {
		Key          string
		Size         int
		LastModified string
		ETag         string
	}
	var answer struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string
		Contents              []contents
	}
	var keys []string
	for key := range b.objects {
		if strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys[:min(page, len(keys))] {
		o := b.objects[key]
		answer.Contents = append(answer.Contents, contents{key, len(o.content), o.modified.Format(time.RFC3339Nano), `"x"`})
		answer.NextContinuationToken = key
	}
	answer.IsTruncated = len(keys) > page
	w.Header().Set("Content-Type", "application/xml")
	xml.NewEncoder(w).Encode(answer)
}

// received reads what a PUT stores, and the checksum that its sender says.
func received(r *http.Request) (o object, sum string, err error) {
	body := bufio.NewReader(r.Body)
	o.modified = time.Now().UTC()
	if !strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		o.content, err = io.ReadAll(body)
		return o, r.Header.Get("X-Amz-Checksum-Sha256"), err
	}
	// Chunks, each with its length, and the checksum behind the last one (aws-chunked).
	for {
		line, err := body.ReadString('\n')
		length, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, wrong := strconv.ParseUint(length, 16, 31)
		if err := errors.Join(err, wrong); err != nil {
			return o, "", err
		}
		if n == 0 {
			break
		}
		chunk := make([]byte, n+2) // with the line end
		if _, err := io.ReadFull(body, chunk); err != nil {
			return o, "", err
		}
		o.content = append(o.content, chunk[:n]...)
	}
	rest, err := io.ReadAll(body)
	for line := range strings.Lines(string(rest)) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), ":"); strings.EqualFold(name, "x-amz-checksum-sha256") {
			sum = value
		}
	}
	return o, sum, err
}
