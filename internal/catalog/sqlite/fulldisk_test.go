package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"flashwarden/internal/catalog/catalogtest"
	"flashwarden/internal/cause"
	"flashwarden/internal/disk/disktest"
)

// smallDisk is the environment variable that makes the test binary run onSmallDisk, on a mount
// point that only it sees.
const smallDisk = "SQLITE_TEST_SMALL_DISK"

// TestFullDisk: on a full disk, the error says so. When there is space again, all is there.
func TestFullDisk(t *testing.T) { disktest.OnSmallDisk(t, smallDisk) }

// onSmallDisk opens a catalog on a full disk, then fills the disk of an open one.
func onSmallDisk(dir string) error {
	if err := disktest.MountSmall(dir, "8m"); err != nil {
		return err
	}
	c, err := Open(filepath.Join(dir, "catalog.db"))
	if err == nil {
		err = c.Close()
	}
	filler := filepath.Join(dir, "filler")
	if err := errors.Join(err, fillDisk(filler)); err != nil {
		return err
	}
	_, err = Open(c.path)
	if err := errors.Join(wantFull("open", err), os.Remove(filler)); err != nil {
		return err
	}
	if c, err = Open(c.path); err != nil {
		return err
	}
	defer c.Close()
	added := 0
	for err = fillDisk(filler); err == nil; added++ {
		d := catalogtest.Device()
		d.Name = fmt.Sprint("sw", added)
		err = c.AddDevice(context.Background(), d, catalogtest.Sealed())
	}
	if err := errors.Join(wantFull("write", err), os.Remove(filler)); err != nil {
		return err
	}
	names, err := c.DeviceNames(context.Background(), "")
	if err != nil || len(names) != added-1 {
		return fmt.Errorf("%d devices, error %w; want %d", len(names), err, added-1)
	}
	return nil
}

// fillDisk writes a file until the disk is full.
func fillDisk(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.CopyBuffer(f, zeros{}, make([]byte, 4096)); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("fill the disk: %w", err)
	}
	return nil
}

type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// wantFull wants an error that says that the disk is full, with a next step.
func wantFull(doing string, err error) error {
	var failed *cause.Error
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "is full") || len(failed.Fix) == 0 {
		return fmt.Errorf("%s: error %w; want one that says that the disk is full", doing, err)
	}
	return nil
}
