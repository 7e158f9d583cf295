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
	"path/filepath"
	"time"

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
	Timeout      time.Duration  // before the first repetition; 0: the default of tftp.Server

	User    string       // run as this user; empty: no change
	Metrics net.Listener // serves the counters for Prometheus; nil: no counters; closed by Run
	Log     *slog.Logger // one line for each transfer; nil: discard
}

// Run serves until ctx ends, then returns nil. It returns an error if the
// directory cannot be opened, the user cannot be changed, or a socket fails.
func Run(ctx context.Context, c Config) error {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	defer c.Conn.Close()
	root, err := os.OpenRoot(c.Dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	defer root.Close()
	absolute, err := filepath.Abs(c.Dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	if err := giveUpRights(c.User); err != nil {
		return err
	}
	if err := confine(absolute, c.Log); err != nil {
		return err
	}
	dir := &tftp.Dir{Root: root, ReadOnly: c.ReadOnly, Create: c.Create, Public: c.Public, MaxUpload: c.MaxUpload, Mode: c.Mode}
	if !c.ReadOnly {
		if err := dir.Sweep(); err != nil {
			c.Log.Warn("interrupted uploads are left", "dir", c.Dir, "err", err)
		}
	}
	return c.serve(ctx, dir, absolute)
}

func (c Config) serve(ctx context.Context, dir tftp.Handler, path string) error {
	if !c.Secure {
		dir = &unrooted{dir: path, Handler: dir}
	}
	j := newJournal(c.Log)
	server := &tftp.Server{
		Handler: dir, Log: c.Log, Observe: j.observe, Ports: c.Ports, Allow: c.Allow, Refuse: c.Refuse,
		MaxBlockSize: c.MaxBlockSize, WindowBytes: c.WindowBytes, Timeout: c.Timeout,
		Ready: func() { c.Log.Info("serving", "dir", path, "address", c.Conn.LocalAddr().String()) },
	}
	if c.Metrics == nil {
		return server.Serve(ctx, c.Conn)
	}
	web := &http.Server{Handler: j.metrics(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		err := web.Serve(c.Metrics)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		cancel(err)
		failed <- err
	}()
	err := server.Serve(ctx, c.Conn)
	return errors.Join(err, web.Close(), <-failed)
}
