package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"flashwarden/tftp"
)

// transfers measures uploads that run at the same time through four ports: to the service, which files each of
// them in the vault, and to the bare server, which writes them into a directory. Both sync each file. They take turns.
func (n *night) transfers(ctx context.Context) error {
	const turns = 3
	var best [2]float64
	failed := 0
	for range turns {
		if err := n.serve(ctx, "never"); err != nil {
			return err
		}
		speed, lost := n.upload(ctx)
		best[0], failed = max(best[0], speed), failed+lost
		err := n.service.end()
		if n.service = nil; err != nil {
			return err
		}
		if speed, err = n.bare(ctx); err != nil {
			return err
		}
		best[1] = max(best[1], speed)
	}
	n.row(fmt.Sprintf("%d uploads of %d MB at once through 4 ports", n.uploads, n.megabyte), "0 failed; 0.9 × of the bare server",
		"%d failed; %.2f × (%.0f of %.0f MB/s, the fastest of %d turns)", failed, best[0]/best[1], best[0], best[1], turns)
	return nil
}

// bare measures the TFTP server alone.
func (n *night) bare(ctx context.Context) (float64, error) {
	dir := filepath.Join(n.work, "bare")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)); err != nil { // as root, it becomes the user nobody
		return 0, err
	}
	cmd := exec.CommandContext(ctx, n.program, "tftpd", "--quiet", "--address", fmt.Sprintf("127.0.0.1:%d", n.port), "--create", "--secure", "--permissive",
		"--port-range", fmt.Sprintf("%d:%d", n.port+1, n.port+4), dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	speed, lost := n.upload(ctx)
	err := cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait() // it ends with 143
	if lost > 0 {
		err = errors.Join(err, fmt.Errorf("%d uploads to the bare server failed", lost))
	}
	return speed, errors.Join(err, os.RemoveAll(dir))
}

// upload sends files at the same time, each from an address of its own, and returns megabytes per second. Each
// round has other contents.
func (n *night) upload(ctx context.Context) (speed float64, failed int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	begun := time.Now()
	for i := range n.uploads {
		all.Go(func() {
			body := bytes.Repeat(fmt.Appendf(nil, "%015d\n", begun.UnixNano()/1000+int64(i)), n.megabyte*1_000_000/16)
			c := tftp.Client{Local: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 200, byte(i / 250), byte(1 + i%250)}), 0), Retries: 20}
			_, err := c.Put(ctx, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(n.port)), fmt.Sprintf("upload-%d", i), bytes.NewReader(body), -1)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed++
				n.say("%v", err)
			}
		})
	}
	all.Wait()
	return float64((n.uploads-failed)*n.megabyte) / time.Since(begun).Seconds(), failed
}
