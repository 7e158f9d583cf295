package warden

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/node"
	"flashwarden/tftp"
)

// Options say which data directory a Local works on, and how.
type Options struct {
	Data string // the data directory
	// Identity is the path of a file with the identity that reads an encrypted Mirror.
	Identity string
	Mirror   string // a mirror to read in place of the vault: an absolute directory or a URL; empty: the vault
	Config   config.Config
	Sites    []string       // the queue does jobs of these sites only; none: see catalog.Worker
	Conn     net.PacketConn // the socket for TFTP requests, which the caller closes; nil: by the configuration
	Log      *slog.Logger   // nil: discard

	// LogResults has the log get a line for each device that an operation worked on. A
	// service sets it; a command prints the results.
	LogResults bool

	// Holder says for other processes what this one does: "flashwarden backup".
	Holder string
	// Wait is how long an operation waits for another process that serves the
	// data directory; 0: it fails at once. Waiting is called when that begins, with
	// the other process in words; nil: discard.
	Wait    time.Duration
	Waiting func(holder string)
}

// Local runs the operations in this process. It opens the data directory with
// the first operation that needs it, and serves TFTP from the first one that
// transfers.
//
// Its operations are in parts that share the core: each part knows the others that it needs,
// and no more.
type Local struct {
	*core
	fleet
	devices
	captures
	upkeep
	restores
	queue
	transfers
	hosts
	people
	notices
}

// The parts of a Local.
type (
	fleet    struct{ *core } // which devices are protected, and what happens next
	captures struct{ *core } // what the vault has: snapshots, files, images
	upkeep   struct{ *core } // what keeps the vault in order
	restores struct{ *core } // plans, and what becomes of them

	// transfers are files that a person on the device sends or fetches.
	transfers struct{ *core }
	hosts     struct{ *core } // this machine and the paths to the devices
	people    struct{ *core } // who may, and who did

	notices struct { // who gets which message
		*core
		fleet *fleet
	}

	devices struct { // the inventory
		*core
		fleet *fleet
	}
	queue struct { // backups, and all work that goes on without its client
		*core
		upkeep   *upkeep
		devices  *devices
		restores *restores
		hosts    *hosts
	}
)

// core is what all parts need: who may, the open data directory, and what this process does.
type core struct {
	opts    Options
	permits permits
	watch   watchers
	live    *liveEvents
	watcher Watcher       // nil: nobody
	ending  chan struct{} // closed by Drain

	mu         sync.Mutex
	node       *node.Node     // nil: not open
	listening  net.PacketConn // of a TFTP server before there was a data directory; nil: none
	serving    bool
	closed     bool
	drained    bool
	rules      *ruled            // nil: the rules are not served
	unattended *unattended       // nil: this process has no queue
	trusted    map[string]string // fingerprints of host keys that a person confirmed, by host

	zone        *time.Location // of the schedule of all machines; nil: that of the configuration
	enteredZone string         // of the configuration, which the catalog got from this process
}

// New returns a Local. It opens nothing.
func New(o Options) *Local {
	c := &core{opts: o, ending: make(chan struct{}), live: newLiveEvents()}
	l := &Local{core: c, fleet: fleet{c}, captures: captures{c}, upkeep: upkeep{c}, restores: restores{c}, transfers: transfers{c}, hosts: hosts{c}, people: people{c}}
	l.notices = notices{c, &l.fleet}
	l.devices = devices{c, &l.fleet}
	l.queue = queue{c, &l.upkeep, &l.devices, &l.restores, &l.hosts}
	return l
}

// Close ends what runs and closes the data directory.
func (l *Local) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	var err error
	if l.node != nil {
		l.rules.close()
		err = errors.Join(l.permits.close(), l.node.Close())
		l.node = nil
	}
	if l.listening != nil {
		err = errors.Join(err, l.listening.Close())
		l.listening = nil
	}
	return err
}

// begin authorises and records an operation that is not about some devices only, and
// returns the open data directory. It does not create one.
func (l *core) begin(ctx context.Context, needs need, operation string, on ...string) (*node.Node, error) {
	if err := l.allow(ctx, needs, operation, on...); err != nil {
		return nil, err
	}
	return l.recorded(ctx, needs, operation, on)
}

// beginOn is begin for an operation on devices. It returns those of s on which the actor
// may work.
func (l *core) beginOn(ctx context.Context, needs need, operation string, s api.Select) (*node.Node, api.Select, error) {
	if err := l.allowOnDevices(ctx, needs, operation, s.Names...); err != nil {
		return nil, s, err
	}
	if err := l.exists(ctx, append([]string{s.Group, s.Site}, s.Names...)...); err != nil {
		return nil, s, err
	}
	n, err := l.ready(ctx)
	if err == nil {
		s, err = l.within(ctx, n, operation, s)
	}
	if err != nil {
		return nil, s, err
	}
	n, err = l.recordedNew(ctx, needs, operation, subjects(s))
	return n, s, err
}

// subjects says for the audit trail on which devices an operation works.
func subjects(s api.Select) []string {
	if len(s.Names) > 0 {
		return s.Names
	}
	var words []string
	if s.Group != "" {
		words = append(words, "group "+s.Group)
	}
	if s.Site != "" {
		words = append(words, "site "+s.Site)
	}
	if len(words) == 0 {
		return []string{"all devices"}
	}
	return words
}

// beginOnSnapshots is begin for an operation that reads snapshots, and later asks captured
// which of them the actor may read.
func (l *core) beginOnSnapshots(ctx context.Context, needs need, operation string, on ...string) (*node.Node, error) {
	if err := l.allowOnDevices(ctx, needs, operation, on...); err != nil {
		return nil, err
	}
	return l.recorded(ctx, needs, operation, on)
}

// beginOnDevice is begin for an operation on one device.
func (l *core) beginOnDevice(ctx context.Context, needs need, operation, device string) (*node.Node, error) {
	if device == "" {
		return l.begin(ctx, needs, operation, device)
	}
	n, _, err := l.beginOn(ctx, needs, operation, api.Select{Names: []string{device}})
	return n, err
}

// recorded returns the open data directory, with a line in the audit trail for an
// operation that changes something.
func (l *core) recorded(ctx context.Context, needs need, operation string, on []string) (*node.Node, error) {
	if err := l.exists(ctx, on...); err != nil {
		return nil, err
	}
	return l.recordedNew(ctx, needs, operation, on)
}

// beginNew is begin for an operation that may be the first one: it makes the data
// directory if there is none.
func (l *core) beginNew(ctx context.Context, needs need, operation string, on ...string) (*node.Node, error) {
	if err := l.allow(ctx, needs, operation, on...); err != nil {
		return nil, err
	}
	return l.recordedNew(ctx, needs, operation, on)
}

// recordedNew is recorded for an operation that makes the data directory.
func (l *core) recordedNew(ctx context.Context, needs need, operation string, on []string) (*node.Node, error) {
	n, err := l.ready(ctx)
	if err == nil && needs.changes {
		err = l.record(ctx, n, operation, api.AuditAllowed, on)
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

// ready returns the open data directory, whose vault is that of the catalog.
func (l *core) ready(ctx context.Context) (*node.Node, error) {
	n, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	return n, n.KnowsVault(ctx)
}

// exists returns a problem if there is no data directory, and creates none.
// Names that are asked for then match nothing.
func (l *core) exists(ctx context.Context, names ...string) error {
	err := node.Exists(ctx, l.nodeOptions())
	if !errors.Is(err, node.ErrNoData) {
		return err
	}
	p := &api.Problem{Detail: cause.Text(err), Exit: api.ExitError, Err: err}
	if slices.ContainsFunc(names, func(name string) bool { return name != "" }) {
		p.Exit = api.ExitUnknown
	}
	p.Fix = api.Say("choose another directory with ").Option("data", "DIR").Say(" (root and other users have different ones), or create one here: ").
		Do("device add", "NAME").With("address", "HOST").With("username", "USER").Say("; for many devices: ").Do("device import", "FILE")
	return p
}

// open returns the open data directory.
func (l *core) open(ctx context.Context) (*node.Node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opened(ctx)
}

// opened is open for a caller who holds l.mu.
func (l *core) opened(ctx context.Context) (*node.Node, error) {
	if l.node != nil {
		return l.node, nil
	}
	if l.closed {
		return nil, cause.New(cause.Cancelled, "the operations have been closed", api.Say("run it again once the daemon has started"))
	}
	n, err := node.Open(ctx, l.nodeOptionsWith(l.opts.Config))
	if err != nil {
		return nil, err
	}
	n.Watch = l.watch.tell
	l.node = n
	return n, nil
}

// nodeOptions are the options for an operation that begins now.
func (l *core) nodeOptions() node.Options {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.nodeOptionsWith(l.opts.Config)
}

// nodeOptionsWith are the options with the configuration c, which Reconfigure changes.
func (l *core) nodeOptionsWith(c config.Config) node.Options {
	return node.Options{Data: l.opts.Data, Mirror: l.opts.Mirror, Identity: l.opts.Identity, Config: c, Sites: l.opts.Sites, Conn: l.opts.Conn, Log: l.opts.Log, Ask: l.mayTrust}
}

// served returns the open data directory with its TFTP server running.
func (l *core) served(ctx context.Context) (*node.Node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.opened(ctx)
	if err != nil || l.serving {
		return n, err
	}
	if err := n.StartInTurn(ctx, l.turn()); err != nil {
		return nil, err
	}
	if n.Shared() {
		n.ShareContents(l.visitor(n).queue.HoldContent)
	}
	l.serving = true
	return n, nil
}

// listen opens the port of the TFTP server before there is a data directory.
func (l *core) listen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opts.Conn != nil || l.node != nil {
		return nil
	}
	var err error
	if l.listening, err = node.Listen(l.opts.Config); err == nil {
		l.opts.Conn = l.listening
	}
	return err
}

// servedVault is served for an operation that reads or writes the vault: its disk
// may have gone away since the start.
func (l *core) servedVault(ctx context.Context) (*node.Node, error) {
	n, err := l.served(ctx)
	if err != nil {
		return nil, err
	}
	_, err = n.Vault(ctx)
	return n, err
}

// turn is how this process waits for the data directory.
func (l *core) turn() node.Turn {
	return node.Turn{Holder: l.opts.Holder, Wait: l.opts.Wait, Waiting: l.opts.Waiting}
}

// stat returns nil if there is a catalog; see node.HasCatalog.
func (l *core) stat() error { return node.HasCatalog(l.opts.Data, l.config()) }

// port is the port of the TFTP server, which runs.
func port(n *node.Node) int {
	if a, ok := n.TFTPAddr().(*net.UDPAddr); ok {
		return a.Port
	}
	return 0
}

func (l *core) log() *slog.Logger {
	if l.opts.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l.opts.Log
}

// untilFailure returns a context that also ends when the TFTP server stops by
// itself; its cause then is that failure.
func untilFailure(ctx context.Context, n *node.Node) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-n.Failed():
			cancel(n.Failure())
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// watchers pass the events of the TFTP server on to the operations that show
// them. The zero value is ready.
type watchers struct {
	mu   sync.Mutex
	next int
	all  map[int]func(tftp.Event)
}

// add has every event told to watch until the returned function is called.
func (w *watchers) add(watch func(tftp.Event)) (remove func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = make(map[int]func(tftp.Event))
	}
	id := w.next
	w.next++
	w.all[id] = watch
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, id)
	}
}

func (w *watchers) tell(e tftp.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, watch := range w.all {
		watch(e)
	}
}

// isServing reports whether the TFTP server of this process runs.
func (l *core) isServing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.serving
}

// TFTPPort serves TFTP and returns its port.
func (l *Local) TFTPPort(ctx context.Context) (int, error) {
	n, err := l.served(ctx)
	if err != nil {
		return 0, err
	}
	return port(n), nil
}
