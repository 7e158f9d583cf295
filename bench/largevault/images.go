package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// imageSize is the size of a generated image in bytes.
const imageSize = 32 << 20

// makeImages makes a vault with so many megabytes of random images, each in a snapshot of its own device.
func makeImages(ctx context.Context, path string, megabytes int) error {
	v, err := newVault(ctx, path)
	if err != nil {
		return err
	}
	image := make([]byte, imageSize)
	for n := range max(1, megabytes<<20/imageSize) {
		rand.Read(image) // never fails: crypto/rand.Read ends the program instead
		sum, weak, err := v.Put(ctx, image)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("sw%05d", n)
		now := time.Now()
		s := api.Snapshot{ID: vault.NewID(name, now), Device: name, Status: api.StatusOK, Started: now, Files: []api.File{
			{Path: "flash:/image.bin", Kind: api.KindImage, Size: imageSize, SHA256: sum, MD5: weak, Evidence: api.EvidenceMD5}}}
		if _, err := v.PutSnapshot(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// putAtOnce is how many objects a mirror puts at once.
const putAtOnce = 8

// putFiles puts the blobs of a vault into a bucket by the S3 library alone, with the same
// checksums as a mirror. target is s3://BUCKET/?endpoint=http://HOST:PORT.
func putFiles(ctx context.Context, path, target string) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	endpoint, err := url.Parse(u.Query().Get("endpoint"))
	if err != nil {
		return err
	}
	client, err := minio.New(endpoint.Host, &minio.Options{Creds: credentials.NewEnvAWS(), TrailingHeaders: true, Region: u.Query().Get("region")})
	if err != nil {
		return err
	}
	files := make(chan string)
	var failed []error
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range putAtOnce {
		workers.Go(func() {
			for name := range files {
				if err := putFile(ctx, client, u.Host, name); err != nil {
					mu.Lock()
					failed = append(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	err = filepath.WalkDir(filepath.Join(path, vault.BlobsPart), func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files <- name
		}
		return err
	})
	close(files)
	workers.Wait()
	return errors.Join(append(failed, err)...)
}

func putFile(ctx context.Context, client *minio.Client, bucket, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = client.PutObject(ctx, bucket, filepath.Base(name), f, info.Size(),
		minio.PutObjectOptions{Checksum: minio.ChecksumSHA256, DisableMultipart: true, DisableContentSha256: true})
	return err
}
