package s3

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"flashwarden/api"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/dir"
)

// benchMB is the variable with the size of the benchmark in MB; empty: 64.
const benchMB = "MIRROR_BENCH_MB"

// BenchmarkMirror mirrors a vault of images of 16 MB to a server on loopback;
// Library puts the same images by the library alone, as many at once.
func BenchmarkMirror(b *testing.B) {
	mb := 64
	if n, err := strconv.Atoi(os.Getenv(benchMB)); err == nil {
		mb = n
	}
	path := filepath.Join(b.TempDir(), "vault")
	v, sums := images(b, path, mb/16)
	b.Run("Mirror", func(b *testing.B) {
		b.SetBytes(int64(mb) << 20)
		for b.Loop() {
			s := open(b, gateway(b), "mirror")
			if _, err := v.MirrorTo(b.Context(), vault.NewTwin(s, nil), vault.MirrorOptions{Fresh: true}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Library", func(b *testing.B) {
		b.SetBytes(int64(mb) << 20)
		for b.Loop() {
			putAll(b, open(b, gateway(b), "library"), path, sums)
		}
	})
}

// images makes a vault with n images, in one snapshot.
func images(b *testing.B, path string, n int) (*vault.Vault, []string) {
	b.Helper()
	store, err := dir.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	v := vault.New(store)
	if _, err := v.Make(b.Context()); err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	s := api.Snapshot{ID: vault.NewID("sw1", now), Device: "sw1", Status: api.StatusOK, Started: now}
	var sums []string
	for i := range n {
		image := make([]byte, 16<<20)
		rand.Read(image) // never fails: crypto/rand.Read ends the program instead
		sum, _, err := v.Put(b.Context(), image)
		if err != nil {
			b.Fatal(err)
		}
		weak := md5.Sum(image)
		s.Files = append(s.Files, api.File{Path: fmt.Sprintf("flash:/%d.bin", i), Kind: api.KindImage, Size: int64(len(image)), SHA256: sum, MD5: hex.EncodeToString(weak[:]), Evidence: api.EvidenceMD5})
		sums = append(sums, sum)
	}
	if _, err := v.PutSnapshot(b.Context(), s); err != nil {
		b.Fatal(err)
	}
	return v, sums
}

// putAll puts files of a vault by the library, eight at once and with the same
// checksums.
func putAll(b *testing.B, s *Store, path string, sums []string) {
	next := make(chan string)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for sum := range next {
				data, err := os.ReadFile(filepath.Join(path, vault.BlobKey(sum)))
				if err == nil {
					_, err = s.client.PutObject(b.Context(), s.bucket, sum, bytes.NewReader(data), int64(len(data)),
						minio.PutObjectOptions{Checksum: minio.ChecksumSHA256, DisableMultipart: true, DisableContentSha256: true})
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	for _, sum := range sums {
		next <- sum
	}
	close(next)
	workers.Wait()
}
