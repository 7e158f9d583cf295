// Package node puts a whole flashwarden together: the data directory with its
// catalog, vault, key and spool, the TFTP server, and the runner of backups.
// The command line runs one for the length of a command.
package node

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
	"flashwarden/internal/job"
	"flashwarden/internal/vault"
	"flashwarden/internal/vty"
	"flashwarden/tftp"
)

// Options say what a node is made of.
type Options struct {
	Data   string // the data directory; created if it is not there
	Mirror string // a mirror that is read in place of the vault, as openTarget takes it; empty: the vault
	// Identity is the path of a file with the identity that reads an encrypted Mirror.
	Identity string
	Config   config.Config
	Sites    []string     // this process does jobs of these sites only; none: see catalog.Worker
	Log      *slog.Logger // nil: discard
	// Conn is the socket for TFTP requests; the caller closes it after the Node. Nil:
	// Start opens one.
	Conn net.PacketConn
	// Ask asks the user whether an unknown SSH host key may be trusted; nil: no.
	Ask func(host, fingerprint string) bool
}

// Node is an open data directory. Several processes may hold one open, to
// read and to edit the inventory; only one at a time may Start it.
//
// Its operations are in parts that share the core: each part knows the others that it needs,
// and no more.
type Node struct {
	*core
	*keyring
	logins
	server
	runs
	transfers
	upkeep
}

// The parts of a Node.
type (
	logins struct { // in to the devices
		*core
		keys     *keyring
		hostKeys *vty.HostKeys
		first    *firstLogins
	}
	server struct { // this process as the one that serves the data directory
		*core
		keys *keyring
	}
	runs struct { // backups, restores and trials
		*core
		logins *logins
		server *server
	}
	transfers struct{ *core } // files that a person on the device sends or fetches
	upkeep    struct {        // what keeps the vault in order
		*core
		keys *keyring
	}
)

// core is what all parts need: the configuration, the catalog and the vault.
type core struct {
	Catalog catalog.Catalog
	// Watch gets the events of the TFTP server. It is set before Start, and must
	// return at once. Nil: they are discarded.
	Watch func(tftp.Event)

	opts     Options
	jobs     job.Store // of Catalog
	store    target    // of vault
	vault    *vault.Vault
	contents *backup.Contents // what backups of several operations take at the moment
	reverify backup.Turns     // of devices that compute digests of unchanged files
	service  *service         // nil before Start
	care     chan struct{}    // holds a value while the vault is pruned, repaired, rebuilt or imported to
}

// Open opens the data directory. It does not look at the vault, except for
// snapshots that a process did not enter into the index before it died.
func Open(ctx context.Context, o Options) (*Node, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := prepareDir(o.Data); err != nil {
		return nil, err
	}
	c := &core{opts: o, care: make(chan struct{}, 1), contents: new(backup.Contents), reverify: backup.NewTurns(o.Config.Schedule.ReverifyParallel)}
	if err := c.openVault(ctx); err != nil {
		return nil, err
	}
	if err := c.openCatalog(ctx); err != nil {
		return nil, errors.Join(err, c.store.close())
	}
	keys, err := openKeyring(ctx, c.Catalog, c.path("key"), c.Shared())
	if err != nil {
		return nil, errors.Join(err, c.Catalog.Close(), c.store.close())
	}
	n := assemble(c, keys, logins{hostKeys: &vty.HostKeys{Policy: o.Config.SSH.UnknownHosts, Ask: o.Ask}, first: &firstLogins{keys: make(map[string][]api.HostKey)}})
	n.hostKeys.Store = keyStore{c}
	n.recover(ctx, false)
	return n, nil
}

// assemble returns a node of these parts.
func assemble(c *core, keys *keyring, l logins) *Node {
	l.core, l.keys = c, keys
	n := &Node{core: c, keyring: keys, logins: l, server: server{c, keys}, transfers: transfers{c}, upkeep: upkeep{c, keys}}
	n.runs = runs{c, &n.logins, &n.server}
	return n
}

// WithConfig returns the same node with another configuration. Operations that began
// with n keep the configuration that n has. The caller closes only one of the two.
func (n *Node) WithConfig(c config.Config) *Node {
	next, l := *n.core, n.logins
	next.opts.Config = c
	if c.Schedule.ReverifyParallel != n.opts.Config.Schedule.ReverifyParallel {
		next.reverify = backup.NewTurns(c.Schedule.ReverifyParallel)
	}
	keys := *l.hostKeys
	keys.Policy = c.SSH.UnknownHosts
	l.hostKeys = &keys
	return assemble(&next, n.keyring, l)
}

// Jobs are the jobs of the catalog, for a queue.
func (n *core) Jobs() job.Store { return n.jobs }

func (n *core) path(name string) string { return filepath.Join(n.opts.Data, name) }

// Close stops what Start started and closes the catalog.
func (n *Node) Close() error {
	var err error
	if n.service != nil {
		err = n.service.stop()
	}
	return errors.Join(err, n.Catalog.Close(), n.store.close())
}
