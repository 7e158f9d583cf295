package backup

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/tftp"
)

// sent is what a device sends of a file, and what it does then.
type sent struct {
	data []byte
	then ending
}

type ending int

const (
	ends    ending = iota // as after a whole file
	silent                // nothing more, and no end
	cutOff                // the transfer is gone
	cancels               // the user ends the backup
)

// sending is what a device sends in place of a file with this content.
type sending func(path string, content []byte) sent

// transportTable makes a device of the bench send files over each transport.
var transportTable = map[string]func(d *fakeDevice, s sending, cancel func()){
	api.CopyTFTP:  copies,
	api.CopySCP:   copies,
	api.CopyHTTPS: copies,
	api.CopySCPPull: func(d *fakeDevice, s sending, cancel func()) {
		d.exec = func(ctx context.Context, d *fakeDevice, command string) (io.ReadWriteCloser, error) {
			path := command[len("scp -f "):]
			content := d.content(path)
			file := s(path, content)
			if file.then == ends {
				return scpAnswer(ctx, fmt.Sprintf("C0644 %d x\n%s\x00", len(file.data), file.data), false), nil
			}
			if file.then == cancels {
				defer cancel()
			}
			return scpAnswer(ctx, fmt.Sprintf("C0644 %d x\n%s", len(content), file.data), file.then != cutOff), nil
		}
	},
}

// copies makes a device send files by its own copy command.
func copies(d *fakeDevice, s sending, cancel func()) {
	d.copying = func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
		file := s(c.Source, d.content(c.Source))
		if file.then == ends {
			r, err := d.send(ctx, c, file.data)
			r.OK = true // it believes so
			return r, err
		}
		return d.breakOff(ctx, c, file, cancel)
	}
}

// breakOff sends a part of a file by the device's copy command.
func (d *fakeDevice) breakOff(ctx context.Context, c ios.Copy, file sent, cancel func()) (ios.CopyResult, error) {
	r := d.request(c)
	w, err := d.begin(ctx, c)
	if err != nil {
		return ios.CopyResult{}, err
	}
	d.spool.Observe(tftp.Event{Kind: tftp.EventConfirmed, Request: r, BlockSize: 512})
	if _, err := w.Write(file.data); err != nil {
		return ios.CopyResult{}, err
	}
	if file.then == cutOff {
		w.Abort(io.ErrUnexpectedEOF)
		return ios.CopyResult{}, errLost
	}
	if file.then == cancels {
		cancel()
	}
	<-ctx.Done()
	w.Abort(ctx.Err())
	return ios.CopyResult{}, context.Cause(ctx)
}

// overEach runs a test over each transport. sends makes the device of the bench
// send files so, until cancel is called.
func overEach(t *testing.T, test func(t *testing.T, by api.Device, sends func(d *fakeDevice, s sending, cancel func()))) {
	t.Helper()
	for by, sends := range transportTable {
		t.Run(by, func(t *testing.T) { test(t, api.Device{Name: "sw1", Address: "192.0.2.1", CopyBy: by}, sends) })
	}
}

// TestCutOff ends the transfer in the middle of each try: nothing is kept.
func TestCutOff(t *testing.T) {
	overEach(t, func(t *testing.T, by api.Device, sends func(*fakeDevice, sending, func())) {
		b := newBench(t, func(_ int, d *fakeDevice) error {
			sends(d, func(_ string, content []byte) sent { return sent{content[:len(content)/2], cutOff} }, nil)
			return nil
		})
		defer b.close()
		b.Waits = []time.Duration{0, 0}
		r := b.Backup(t.Context(), by, Options{Policy: api.PolicyImage})
		wantResult(t, r, api.StatusFailed, cause.SessionLost)
		if r.Attempts != 3 {
			t.Errorf("%d attempts, want 3", r.Attempts)
		}
		b.wantClean()
	})
}

// TestEachFileHasItsTicket takes every file once: a ticket is of no use for a second one.
func TestEachFileHasItsTicket(t *testing.T) {
	overEach(t, func(t *testing.T, by api.Device, sends func(*fakeDevice, sending, func())) {
		times := map[string]int{}
		b := newBench(t, func(_ int, d *fakeDevice) error {
			sends(d, func(path string, content []byte) sent { times[path]++; return sent{content, ends} }, nil)
			return nil
		})
		defer b.close()
		r := b.Backup(t.Context(), by, Options{})
		wantResult(t, r, api.StatusOK, "")
		if len(times) != 3 || times["flash:/c2960.bin"] != 1 {
			t.Errorf("sent %v", times)
		}
		b.wantClean()
	})
}
