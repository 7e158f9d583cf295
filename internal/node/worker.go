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
func (n *Node) becomeWorker(ctx context.Context) (name string, err error) {
	previous, err := os.ReadFile(n.path("worker"))
	if errors.Is(err, fs.ErrNotExist) {
		previous, err = []byte(unnamed), nil
	}
	if err == nil {
		err = n.Catalog.FreeWorker(ctx, catalog.Worker{ID: strings.TrimSpace(string(previous))})
	}
	if err != nil {
		return "", err
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	name = workerName(host)
	if err := disk.WriteFile(disk.OS{}, n.path("worker"), []byte(name+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the name of this worker: %w", err)
	}
	return name, nil
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
func (n *Node) Worker() catalog.Worker {
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
func (n *Node) proveIdentity(ctx context.Context) error {
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
	_, err = n.sealer()
	return err
}
