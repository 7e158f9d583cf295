package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"flashwarden/internal/catalog/sqlite"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/dir"
)

// printMedian prints the median of so many durations of an action, in seconds.
func printMedian(times int, action func(n int) (time.Duration, error)) error {
	var took []time.Duration
	for n := range times {
		d, err := action(n)
		if err != nil {
			return err
		}
		took = append(took, d)
	}
	slices.Sort(took)
	fmt.Printf("%.6f\n", took[len(took)/2].Seconds())
	return nil
}

// adoptImages makes a vault, and measures how long it takes to adopt an image of 32 MB
// that was uploaded and synced.
func adoptImages(ctx context.Context, path string, times int) error {
	store, err := dir.Open(filepath.Join(path, "vault"))
	if err != nil {
		return err
	}
	v := vault.New(store)
	if _, err := v.Make(ctx); err != nil {
		return err
	}
	image := make([]byte, imageSize)
	return printMedian(times, func(int) (time.Duration, error) {
		rand.Read(image) // never fails: crypto/rand.Read ends the program instead
		sum := sha256.Sum256(image)
		upload := filepath.Join(path, "upload")
		if err := writeSynced(upload, image); err != nil {
			return 0, err
		}
		name := hex.EncodeToString(sum[:])
		began := time.Now()
		if err := v.Adopt(ctx, upload, name); err != nil {
			return 0, err
		}
		took := time.Since(began)
		return took, store.Delete(ctx, vault.BlobKey(name)) // the next image may need its space
	})
}

func writeSynced(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// lookUpHostKeys measures how long it takes to look up the pinned key of one of the hosts
// of makeCatalog, each time of another one.
func lookUpHostKeys(ctx context.Context, path string, times int) error {
	file := filepath.Join(path, "catalog.db")
	hosts, err := pinnedHosts(ctx, file, times)
	if err != nil {
		return err
	}
	c, err := sqlite.Open(file)
	if err != nil {
		return err
	}
	defer c.Close()
	return printMedian(len(hosts), func(n int) (time.Duration, error) {
		began := time.Now()
		keys, err := c.HostKeys(ctx, hosts[n], "")
		took := time.Since(began)
		if err == nil && len(keys) != 1 {
			err = fmt.Errorf("%s has %d pinned keys, want 1", hosts[n], len(keys))
		}
		return took, err
	})
}

// pinnedHosts returns so many of the hosts with a pinned key, in random order.
func pinnedHosts(ctx context.Context, file string, count int) (hosts []string, err error) {
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, `SELECT host FROM host_key ORDER BY random() LIMIT ?`, count)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var host string
		if err := rows.Scan(&host); err != nil {
			return nil, err
		}
		hosts = append(hosts, host)
	}
	if len(hosts) == 0 && rows.Err() == nil {
		return nil, errors.New("the catalog has no host keys")
	}
	return hosts, rows.Err()
}
