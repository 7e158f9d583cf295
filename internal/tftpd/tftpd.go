// Package tftpd is the TFTP server alone, serving one directory: what
// `flashwarden tftpd` runs in the place of in.tftpd. It binds its sockets,
// gives up its rights, confines itself to the directory, and serves.
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

// Config says what is served, to whom, and how. The zero value of a field has
// the meaning that its comment gives.
type Config struct {
	Dir  string         // the directory that is served; required
	Conn net.PacketConn // where requests arrive; required, and closed by Run

	Create    bool           // uploads may make new files
	ReadOnly  bool           // no uploads at all
	Public    bool           // only files that everybody may read are sent, only those that everybody may write are replaced
	Secure    bool           // names are below Dir; else a name may also begin with the path of Dir
	Mode      fs.FileMode    // of new files; 0: 0644
	MaxUpload int64          // bytes; 0: no limit but the disk
	Allow     []netip.Prefix // who is answered; nil: everybody
	Refuse    []string       // options that are passed over as if they were unknown

	Ports        tftp.PortRange // transfer IDs; zero: chosen by the system
	MaxBlockSize int            // bytes; 0: as asked
	WindowBytes  int            // bytes in flight in a window; 0: the server's default
	Timeout      time.Duration  // before the first repetition; 0: the server's default

	User    string       // the user to become after the sockets are bound; empty: stay
	Metrics net.Listener // where Prometheus reads counters; nil: nowhere; closed by Run
	Log     *slog.Logger // one line a transfer; nil: discard
}

// Run serves until ctx ends.
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
			return fmt.Errorf("sweep %s of uploads that were cut off: %w", c.Dir, err)
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
