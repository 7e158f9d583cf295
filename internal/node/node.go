// Package node puts a whole flashwarden together: the data directory with its
// catalog, vault, key and spool, the TFTP server, and the runner of backups.
// The command line runs one for the length of a command.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
	"flashwarden/internal/credential"
	"flashwarden/internal/device"
	"flashwarden/internal/doctor"
	"flashwarden/internal/job"
	"flashwarden/internal/transfer"
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
type Node struct {
	Catalog catalog.Catalog
	// Watch gets the events of the TFTP server. It is set before Start, and must
	// return at once. Nil: they are discarded.
	Watch func(tftp.Event)

	opts     Options
	jobs     job.Store // of Catalog
	store    target    // of vault
	vault    *vault.Vault
	key      *credential.Key // nil: its file is lost
	sealed   int             // if key is nil: the devices with secrets
	otherKey bool            // the catalog has the check value of another key
	secrets  *credential.Reader
	hostKeys *vty.HostKeys
	first    *firstLogins
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
	n := &Node{opts: o, care: make(chan struct{}, 1), contents: new(backup.Contents), reverify: backup.NewTurns(o.Config.Schedule.ReverifyParallel), secrets: new(credential.Reader)}
	var err error
	if err = n.openVault(ctx); err != nil {
		return nil, err
	}
	if err = n.openCatalog(ctx); err != nil {
		return nil, errors.Join(err, n.store.close())
	}
	if err := n.openKey(ctx); err != nil {
		return nil, errors.Join(err, n.Catalog.Close(), n.store.close())
	}
	n.first = &firstLogins{keys: make(map[string][]api.HostKey)}
	n.hostKeys = &vty.HostKeys{Store: keyStore{n}, Policy: o.Config.SSH.UnknownHosts, Ask: o.Ask}
	n.recover(ctx, false)
	return n, nil
}

// WithConfig returns the same node with another configuration. Operations that began
// with n keep the configuration that n has. The caller closes only one of the two.
func (n *Node) WithConfig(c config.Config) *Node {
	next := *n
	next.opts.Config = c
	if c.Schedule.ReverifyParallel != n.opts.Config.Schedule.ReverifyParallel {
		next.reverify = backup.NewTurns(c.Schedule.ReverifyParallel)
	}
	keys := *n.hostKeys
	keys.Policy = c.SSH.UnknownHosts
	next.hostKeys = &keys
	return &next
}

// Jobs are the jobs of the catalog, for a queue.
func (n *Node) Jobs() job.Store { return n.jobs }

func (n *Node) path(name string) string { return filepath.Join(n.opts.Data, name) }

// Close stops what Start started and closes the catalog.
func (n *Node) Close() error {
	var err error
	if n.service != nil {
		err = n.service.stop()
	}
	return errors.Join(err, n.Catalog.Close(), n.store.close())
}

// Dial logs in to a device of the inventory, with the secrets that are stored
// under its name.
func (n *Node) Dial(ctx context.Context, d api.Device) (*device.Device, error) {
	c := vty.Config{
		Name: d.Name, Address: d.Address, Transport: d.Transport, Username: d.Username,
		LegacyCrypto: d.LegacyCrypto, HostKeys: n.noting(d.Name), Log: n.opts.Log.With("device", d.Name),
	}
	s, err := n.Catalog.Secrets(ctx, d.Name)
	if err != nil {
		return nil, err
	}
	if c.Password, err = n.unseal(s.Password, usePassword, d); err != nil {
		return nil, fmt.Errorf("password of %s: %w", d.Name, err)
	}
	if c.EnablePassword, err = n.unseal(s.EnablePassword, useEnable, d); err != nil {
		return nil, fmt.Errorf("enable password of %s: %w", d.Name, err)
	}
	if c.Identity, err = n.identity(s.Identity, useIdentity, d); err != nil {
		return nil, fmt.Errorf("private key of %s: %w", d.Name, err)
	}
	if c.Via, err = n.jump(d, s); err != nil {
		return nil, fmt.Errorf("jump host of %s: %w", d.Name, err)
	}
	if err := n.addShared(ctx, &c, d, s); err != nil {
		return nil, err
	}
	return device.Dial(ctx, c)
}

// Runner returns the runner of backups. The node must have been started.
func (n *Node) Runner() *backup.Runner {
	c := n.opts.Config
	return &backup.Runner{
		Dial: func(ctx context.Context, d api.Device) (backup.Device, error) {
			dev, err := n.DialToTransfer(ctx, d)
			return session{dev}, err
		},
		Spool: n.service.spool, Vault: n.vault, Catalog: n.Catalog, Contents: n.contents,
		Advertise: c.TFTP.Advertise, Stall: c.Backup.StallTimeout,
		Parallel: c.Backup.Parallel, ParallelSite: c.Backup.ParallelPerSite,
		ProvedWithin: c.Protect.ProvedWithin, Looks: backup.LookRules{Reverify: c.Schedule.Reverify, Turns: n.reverify}, Policy: api.Policy(c.Backup.Files),
		Listen: n.Port(), Ports: c.TFTP.PortRange.String(), Log: n.opts.Log,
	}
}

// Trial returns test transfers with a device on an open session. The node must
// have been started.
func (n *Node) Trial(d api.Device, s doctor.Session) doctor.Trial {
	c := n.opts.Config
	return doctor.Trial{
		Session: s, Spool: n.service.spool, Name: d.Name,
		Device: s.RemoteAddr(), Server: transfer.Server(d, c.TFTP.Advertise, s.LocalAddr()), VRF: d.VRF,
		Listen: n.Port(), Ports: c.TFTP.PortRange.String(), Stall: c.Backup.StallTimeout,
	}
}

// session is a device as backups want it.
type session struct{ *device.Device }

// Skipped says in words what the device did not list.
func (s session) Skipped() []string {
	var out []string
	for _, skipped := range s.Device.Skipped() {
		out = append(out, fmt.Sprintf("%s was not listed: %v", skipped.Path, skipped.Err))
	}
	return out
}
