package dir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"flashwarden/internal/disk/disktest"
	"flashwarden/internal/vault"
)

// smallDisk is the environment variable that makes the test binary run
// onSmallDisk, on a mount point that only it sees.
const smallDisk = "VAULT_TEST_SMALL_DISK"

// TestFullDisk runs on a real file system of 2 MiB, in a mount namespace of
// its own.
func TestFullDisk(t *testing.T) { disktest.OnSmallDisk(t, smallDisk) }

// onSmallDisk fills a disk with backups and checks that every kept snapshot is whole.
func onSmallDisk(dir string) error {
	if err := disktest.MountSmall(dir, "2m"); err != nil {
		return err
	}
	d, err := openKit(filepath.Join(dir, "vault"))
	if err != nil {
		return err
	}
	kept := 0
	for err == nil {
		_, err = backup(d, dir, strings.Repeat(strconv.Itoa(kept%10), 100_000+kept))
		kept++
	}
	if !errors.Is(err, syscall.ENOSPC) || kept < 5 {
		return fmt.Errorf("%d backups, then %w; want no space left", kept, err)
	}
	if _, _, err := d.Put(context.Background(), make([]byte, 2<<20)); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("put on a full disk: %w; want no space left", err)
	}
	if left, err := os.ReadDir(filepath.Join(d.dir.Path(), tmpDir)); err != nil || len(left) > 0 {
		return fmt.Errorf("tmp/ holds %v, error %w", left, err)
	}
	if res, err := d.Check(context.Background(), vault.CheckOptions{ReadData: true}); err != nil || len(res.Problems) > 0 {
		return fmt.Errorf("check: %v, %w", res.Problems, err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	if res, err := d.Check(context.Background(), vault.CheckOptions{ReadData: true}); err != nil || len(res.Problems) > 0 {
		return fmt.Errorf("check on a read-only disk: %v, %w", res.Problems, err)
	}
	if err := d.Sweep(context.Background()); err == nil || !strings.Contains(err.Error(), "read-only file system") {
		return fmt.Errorf("sweep on a read-only disk: %w; want an error that says so", err)
	}
	return nil
}
