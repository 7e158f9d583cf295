package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/disk"
)

// unnamed is the name of a worker that left none: earlier versions had one name for all.
const unnamed = "local"

// becomeWorker gives this process a name as a worker, and frees at once what the last
// process of this data directory left when it died. The caller holds the lock of the
// directory. The name is new each time, so a copy of a data directory on another machine
// has another one.
func (n *server) becomeWorker(ctx context.Context) (name string, err error) {
	previous, err := n.deadWorker()
	if err == nil && previous != "" {
		err = n.Catalog.FreeWorker(ctx, catalog.Worker{ID: previous})
	}
	if err != nil {
		return "", err
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	name = workerName(host)
	if err := disk.WriteFile(disk.OS{}, n.path("worker"), []byte(name+"\n"+n.origin()+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the name of this worker: %w", err)
	}
	return name, nil
}

// deadWorker returns the name of the last process of this data directory, or nothing if it
// may still run. Beside other machines, the lock proves its death only if it was written in
// this directory since this machine started: in a copy of a directory, the file names a
// process of the original. What such a process left is free when its leases end.
func (n *server) deadWorker() (name string, err error) {
	text, err := os.ReadFile(n.path("worker"))
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte(unnamed), nil
	}
	if err != nil {
		return "", err
	}
	name, origin, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if n.Shared() && (origin == "" || origin != n.origin()) {
		return "", nil
	}
	return name, nil
}

// origin names this data directory and the present run of this machine's kernel. It is empty
// if the system does not tell them.
func (n *server) origin() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	var dir unix.Stat_t
	if err := unix.Stat(n.path("."), &dir); err != nil {
		return ""
	}
	return fmt.Sprintf("%s %d:%d", strings.TrimSpace(string(boot)), dir.Dev, dir.Ino)
}

// workerName returns a new name for a process on a host: small letters, digits and dashes.
func workerName(host string) string {
	words := strings.FieldsFunc(strings.ToLower(host), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	word := strings.Join(words, "-")
	word = strings.Trim(word[:min(len(word), 30)], "-")
	if word == "" {
		word = "worker"
	}
	return word + "-" + strings.ToLower(rand.Text()[:10])
}

// Worker is this process as a worker. Before the node has been started, it has no name and
// may only add jobs.
func (n *server) Worker() catalog.Worker {
	if n.service == nil {
		return catalog.Worker{}
	}
	return catalog.Worker{ID: n.service.worker, Sites: n.opts.Sites}
}

// clockMayDiffer is how far the clock of a machine may be from that of the catalog. All
// times in snapshots and runs are those of the machine that made them.
const clockMayDiffer = time.Minute

// proveIdentity makes sure that this machine belongs to a catalog that others use too: its
// key is the one that seals the secrets, and its clock is right. That the vault is the one of
// the catalog is proved with each operation.
func (n *server) proveIdentity(ctx context.Context) error {
	if !n.Shared() {
		return nil
	}
	now, err := n.Catalog.Now(ctx)
	if err != nil {
		return err
	}
	if off := time.Since(now).Round(time.Second); off.Abs() > clockMayDiffer {
		return cause.New(cause.Internal, fmt.Sprintf("the clock of this host differs from that of the catalog by %s", off.Abs()),
			api.Say("set both clocks, for example with NTP: ").Type(api.OnHost, "timedatectl set-ntp true"))
	}
	_, err = n.keys.sealer()
	return err
}
