// Command largevault generates data of a large fleet, and measures with it.
//
//	largevault vault DATA SNAPSHOTS          a vault with so many snapshots of 10,000 devices, and no catalog
//	largevault images DATA MEGABYTES         a vault with random images of 32 MB
//	largevault put DATA s3://BUCKET/?…       nothing: puts the files of such a vault by the S3 library alone
//	largevault catalog DATA DEVICES EACH     a catalog of so many devices with so many snapshots each, and no vault
//
// Nothing of these is synced: a power cut leaves nothing of use. Two things are too short to be
// measured as whole commands; it prints the median of TIMES, in seconds:
//
//	largevault adopt DATA TIMES              in a new vault: adopt an image of 32 MB that was uploaded
//	largevault hostkeys DATA TIMES           in such a catalog: look up a pinned host key
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/dir"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "largevault:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 3 && args[0] == "put" {
		return putFiles(ctx, filepath.Join(args[1], "vault"), args[2])
	}
	var numbers []int
	for _, arg := range args[min(2, len(args)):] {
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is not a number", arg)
		}
		numbers = append(numbers, n)
	}
	switch {
	case len(args) == 3 && args[0] == "vault":
		return makeVault(ctx, filepath.Join(args[1], "vault"), numbers[0])
	case len(args) == 3 && args[0] == "images":
		return makeImages(ctx, filepath.Join(args[1], "vault"), numbers[0])
	case len(args) == 4 && args[0] == "catalog":
		return makeCatalog(ctx, args[1], numbers[0], numbers[1])
	case len(args) == 3 && args[0] == "adopt":
		return adoptImages(ctx, args[1], numbers[0])
	case len(args) == 3 && args[0] == "hostkeys":
		return lookUpHostKeys(ctx, args[1], numbers[0])
	}
	return errors.New(`usage: largevault vault DATA SNAPSHOTS
       largevault images DATA MEGABYTES
       largevault put DATA s3://BUCKET/?endpoint=URL
       largevault catalog DATA DEVICES EACH
       largevault adopt DATA TIMES
       largevault hostkeys DATA TIMES`)
}

// unsynced is a store in a directory that puts contents without any fsync.
type unsynced struct {
	vault.Store
	root string
	made map[string]bool
}

// Put implements vault.Store, except that it replaces an entry, which has the same content.
func (u *unsynced) Put(_ context.Context, key string, r io.Reader, _ int64) error {
	name := filepath.Join(u.root, filepath.FromSlash(key))
	if part := filepath.Dir(name); !u.made[part] {
		if err := os.MkdirAll(part, 0o700); err != nil {
			return err
		}
		u.made[part] = true
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

const devicesOfVault = 10_000

// newVault makes an empty vault, and opens it without the cost of syncing.
func newVault(ctx context.Context, path string) (*vault.Vault, error) {
	store, err := dir.Open(path)
	if err != nil {
		return nil, err
	}
	if _, err := vault.New(store).Make(ctx); err != nil {
		return nil, err
	}
	return vault.New(&unsynced{Store: store, root: path, made: make(map[string]bool)}), nil
}

// makeVault keeps snapshots of 10,000 devices, one round after the other. A
// configuration changes every fourth time.
func makeVault(ctx context.Context, path string, snapshots int) error {
	v, err := newVault(ctx, path)
	if err != nil {
		return err
	}
	previous := make([]string, devicesOfVault)
	for n := range snapshots {
		device, round := n%devicesOfVault, n/devicesOfVault
		s, err := snapshotOf(ctx, v, device, round)
		if err != nil {
			return err
		}
		s.Previous = previous[device]
		kept, err := v.PutSnapshot(ctx, s)
		if err != nil {
			return err
		}
		previous[device] = kept.Document
	}
	return nil
}

// snapshotOf is one backup of a device, with its contents in the vault.
func snapshotOf(ctx context.Context, v *vault.Vault, device, round int) (api.Snapshot, error) {
	name := fmt.Sprintf("sw%05d", device)
	started := time.Date(2025, 1, 1, 2, 0, 0, 0, time.UTC).AddDate(0, 0, round).Add(time.Duration(device) * time.Second / 2)
	s := api.Snapshot{ID: vault.NewID(name, started), Device: name, Address: "192.0.2.1", Status: api.StatusOK, Started: started, Seconds: 12.5,
		Facts: api.Facts{Hostname: name, OS: "ios", Version: "15.0(2)SE8", Model: "WS-C3750G-24TS-1U", Serial: "FOC1234X1AB", Mode: "bundle", Image: "flash:/c3750.bin"}}
	change := round / 4
	for _, f := range []struct{ path, kind, text string }{
		{"flash:/c3750.bin", api.KindImage, fmt.Sprint("image ", device%200)},
		{"flash:/config.text", api.KindConfig, strings.Repeat(fmt.Sprintln("interface", name, change), 20)},
		{"flash:/private-config.text", api.KindConfig, "private " + name},
		{"flash:/vlan.dat", api.KindVLAN, "vlan " + name},
		{"flash:/multiple-fs", api.KindOther, "multiple-fs"},
		{api.RunningConfigPath, api.KindConfig, strings.Repeat(fmt.Sprintln("interface", name, change, "running"), 20)},
	} {
		sum, weak, err := v.Put(ctx, []byte(f.text))
		if err != nil {
			return s, err
		}
		s.Files = append(s.Files, api.File{Path: f.path, Kind: f.kind, Size: int64(len(f.text)), SHA256: sum, MD5: weak, Evidence: api.EvidenceMD5,
			Copied: round%4 == 0, Proof: []string{"verify /md5: MD5 " + weak, "received over TFTP with the same digest"}})
	}
	l := api.Listing{Path: "flash:/", Total: 32 << 20, Free: 1 << 20}
	for i := range 20 {
		l.Entries = append(l.Entries, api.Entry{Name: fmt.Sprintf("file-%d-%s", i, name), Size: int64(change), Modified: "Mar 01 1993 00:01:00 +00:00"})
	}
	s.Listings = []api.Listing{l}
	return s, nil
}
