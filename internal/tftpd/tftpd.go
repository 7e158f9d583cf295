// Package tftpd is the TFTP server of `flashwarden tftpd`, a replacement for
// in.tftpd. It serves one directory. Before the first request it drops its
// privileges and restricts itself to the directory.
package tftpd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"flashwarden/internal/disk"
	"flashwarden/tftp"
)

// Config has the settings of Run. The comment of each field describes its zero
// value.
type Config struct {
	Dir  string         // the directory to serve; required
	Conn net.PacketConn // the listening socket; required, closed by Run

	Create    bool           // uploads may create files
	ReadOnly  bool           // refuse uploads
	Public    bool           // send only world-readable files, replace only world-writable ones
	Secure    bool           // names are below Dir; false: a name may also begin with the path of Dir
	Mode      *fs.FileMode   // of new files; nil: 0644
	MaxUpload int64          // bytes; 0: limited only by the disk
	Allow     []netip.Prefix // networks whose requests are answered; nil: all
	Refuse    []string       // options that are treated as unknown, in lower case

	Ports        tftp.PortRange // transfer IDs; zero: chosen by the system
	MaxBlockSize int            // bytes; 0: as requested
	WindowBytes  int            // bytes in flight in a window; 0: the default of tftp.Server
	BufferBytes  int            // memory for the buffers of all transfers; 0: the default of tftp.Server
	MaxTransfers int            // at the same time; 0: the default of tftp.Server
	PerSource    int            // transfers of one IPv4 address, or one IPv6 /64, at the same time; 0: the default of tftp.Server
	Timeout      time.Duration  // before the first repetition; 0: the default of tftp.Server

	MapFile string // rules for file names, as of in.tftpd (tftpd(8) of tftp-hpa); empty: none
	Staging string // directory for the staging directory, see tftp.Dir; empty: of systemd, or below /var/tmp
	PIDFile string // has the process ID until the end; empty: none

	User    string       // run as this user; empty: no change
	Metrics net.Listener // serves the counters for Prometheus; nil: no counters; closed by Run
	Log     *slog.Logger // one line for each transfer; nil: discard
}

// Run serves until ctx ends, then returns nil. It returns an error if the
// directory or the map file cannot be opened, the user cannot be changed, or a
// socket fails. It opens everything that needs the rights of root, then gives them
// up, and then answers the first request. SIGHUP makes it read the map file again.
func Run(ctx context.Context, c Config) (err error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	defer c.Conn.Close()
	if c.Metrics != nil {
		defer c.Metrics.Close()
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	s, err := c.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { s.reload(ctx, hangup) })
	err = s.serve(ctx, cancel)
	cancel(nil)
	wg.Wait()
	return err
}

// service is one run of the server.
type service struct {
	Config
	path    string // of the directory, absolute
	root    *os.Root
	staging *os.Root // nil: none
	rules   *mapped  // nil: no map file
	account *account
	pid     *pidFile
	journal *journal
}

// open opens what the user of the server may be unable to open.
func (c Config) open() (s *service, err error) {
	s = &service{Config: c, pid: &pidFile{}, journal: newJournal(c.Log)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.path, err = filepath.Abs(c.Dir); err != nil {
		return s, fmt.Errorf("open directory: %w", err)
	}
	if s.root, err = os.OpenRoot(s.path); err != nil {
		return s, fmt.Errorf("open directory: %w", err)
	}
	if s.account, err = lookUp(c.User); err != nil {
		return s, err
	}
	if c.MapFile != "" {
		if s.MapFile, err = filepath.Abs(c.MapFile); err != nil {
			return s, fmt.Errorf("read map file: %w", err)
		}
		list, err := readRules(s.MapFile)
		if err != nil {
			return s, fmt.Errorf("read map file: %w", err)
		}
		s.rules = &mapped{}
		s.rules.rules.Store(&list)
	}
	if !c.ReadOnly {
		s.openStaging()
	}
	s.pid, err = writePID(c.PIDFile)
	return s, err
}

// openStaging opens the staging directory. The server can do without.
func (s *service) openStaging() {
	base := s.Staging
	if base == "" {
		base = stagingBase(s.account.uid)
	}
	var err error
	if s.staging, err = openStaging(base, s.path, s.account); err != nil {
		s.Log.Warn("no staging directory: uploads cannot replace files in directories that permit no new files", "err", err)
	}
}

// close closes what open opened, and removes the file with the process ID.
func (s *service) close() error {
	var errs []error
	for _, r := range []*os.Root{s.root, s.staging} {
		if r != nil {
			errs = append(errs, r.Close())
		}
	}
	if s.pid != nil {
		errs = append(errs, s.pid.remove())
	}
	return errors.Join(errs...)
}

// reload reads the map file after each signal until ctx ends. If it has a mistake,
// the old rules stay.
func (s *service) reload(ctx context.Context, hangup <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		}
		if s.rules == nil {
			s.Log.Info("SIGHUP: there is no map file to read")
			continue
		}
		list, err := readRules(s.MapFile)
		if err != nil {
			s.Log.Error("map file not read: the old rules stay", "err", err)
			continue
		}
		s.rules.rules.Store(&list)
		s.Log.Info("map file read", "file", s.MapFile, "rules", len(list))
	}
}

// handler returns the directory as the requests see it.
func (s *service) handler(dir *tftp.Dir) tftp.Handler {
	var h tftp.Handler = dir
	if !s.Secure {
		h = &unrooted{dir: s.path, Handler: h}
	}
	if s.rules != nil {
		s.rules.Handler = h
		h = s.rules
	}
	return h
}

// directory returns the files that are served.
func (s *service) directory() *tftp.Dir {
	return &tftp.Dir{Root: s.root, Staging: s.staging, ReadOnly: s.ReadOnly, Create: s.Create, Public: s.Public, MaxUpload: s.MaxUpload, Mode: s.Mode}
}

// server returns the server of a directory.
func (s *service) server(dir *tftp.Dir) *tftp.Server {
	return &tftp.Server{
		Handler: s.handler(dir), Log: s.Log, Observe: s.journal.observe, Ports: s.Ports, Allow: s.Allow, Refuse: s.Refuse,
		MaxBlockSize: s.MaxBlockSize, WindowBytes: s.WindowBytes, Timeout: s.Timeout,
		BufferBytes: s.BufferBytes, MaxTransfers: s.MaxTransfers, PerSource: s.PerSource,
	}
}

func (s *service) serve(ctx context.Context, cancel context.CancelCauseFunc) error {
	dir := s.directory()
	web := &http.Server{Handler: s.journal.metrics(), ReadHeaderTimeout: 5 * time.Second}
	var wg sync.WaitGroup
	var refused, failed error
	server := s.server(dir)
	server.Ready = func() {
		if refused = s.begin(dir); refused != nil {
			cancel(refused) // nothing is answered
			return
		}
		if s.Metrics != nil {
			wg.Go(func() { failed = serveMetrics(web, s.Metrics, cancel) })
		}
	}
	err := server.Serve(ctx, s.Conn)
	closing := web.Close()
	wg.Wait()
	return errors.Join(err, refused, closing, failed)
}

// serveMetrics serves the counters until web is closed. If it fails, it ends the
// server.
func serveMetrics(web *http.Server, l net.Listener, cancel context.CancelCauseFunc) error {
	err := web.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	cancel(err)
	return err
}

// begin gives up all rights that serving does not need. All sockets are open.
func (s *service) begin(dir *tftp.Dir) error {
	r := reach{dirs: []string{s.path}, mapFile: s.MapFile, pidFile: s.PIDFile}
	if s.staging != nil {
		r.dirs = append(r.dirs, s.staging.Name())
	}
	if err := confine(r, s.Log); err != nil {
		return err
	}
	if err := s.account.become(); err != nil {
		return err
	}
	if !s.ReadOnly {
		if disk.Unsynced(s.path) {
			s.Log.Warn("this file system cannot sync directories: after a power cut, the newest uploads may be missing", "dir", s.path)
		}
		if err := dir.Sweep(); err != nil {
			s.Log.Warn("interrupted uploads are left", "dir", s.Dir, "err", err)
		}
	}
	s.Log.Info("serving", "dir", s.path, "address", s.Conn.LocalAddr().String())
	return nil
}
