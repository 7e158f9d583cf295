package syslog

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"
)

// Listener receives messages of devices and asks for a look at those that have changed.
type Listener struct {
	Conn  net.PacketConn // the caller closes it
	Quiet time.Duration  // a device is looked at when it has reported no change for this time
	// Devices returns the names of the devices of the inventory, by their addresses.
	Devices func(ctx context.Context) (map[netip.Addr]string, error)
	// Look asks for a look at a device. The reason is the mnemonic of its last message.
	Look func(ctx context.Context, device, reason string) error
	Log  *slog.Logger

	names map[netip.Addr]string
	read  time.Time // when names was read
	due   map[string]pending
	last  map[string]time.Time // the last look that was asked for, by device
	other int                  // messages from addresses that no device has, since the last line about them
	told  time.Time            // when that was
}

// pending is a look that is going to be asked for.
type pending struct {
	first, at time.Time
	reason    string
}

// Limits of the looks, whoever sends messages in the name of a device: its address can be
// forged.
const (
	longest     = 10               // a device that goes on reporting is looked at after so many times Quiet
	between     = 10 * time.Minute // looks at one device
	namesFor    = time.Minute      // the inventory is read again so often at most
	namesAtMost = 10 * time.Minute // and with the first message after this time
	tellOthers  = time.Hour        // the log has a line about messages of others so often at most
	maxMessage  = 2048             // bytes; more of a message is not read
	retryFailed = time.Minute      // a look that could not be asked for
)

// Run receives messages until ctx ends.
func (l *Listener) Run(ctx context.Context) error {
	l.due, l.last = make(map[string]pending), make(map[string]time.Time)
	stop := context.AfterFunc(ctx, func() {
		if err := l.Conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
			l.Log.Debug("end the listener", "err", err)
		}
	})
	defer stop()
	buf := make([]byte, maxMessage)
	for ctx.Err() == nil {
		if err := l.Conn.SetReadDeadline(l.next()); err != nil {
			return err
		}
		if ctx.Err() != nil { // it ended before the deadline was set
			return nil
		}
		n, from, err := l.Conn.ReadFrom(buf)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if err == nil {
			l.receive(ctx, from, string(buf[:n]))
		}
		l.look(ctx)
	}
	return nil
}

// next is when the first look is due; zero: none is.
func (l *Listener) next() time.Time {
	var next time.Time
	for _, p := range l.due {
		if next.IsZero() || p.at.Before(next) {
			next = p.at
		}
	}
	return next
}

// receive takes one message.
func (l *Listener) receive(ctx context.Context, from net.Addr, message string) {
	reason := Change(message)
	if reason == "" {
		return
	}
	now := time.Now()
	device := l.device(ctx, from, now)
	if device == "" {
		l.tellOther(from, now)
		return
	}
	p, ok := l.due[device]
	if !ok {
		p.first = now
		l.Log.Info("a device reports a change", "device", device, "message", reason, "remote", from.String())
	}
	p.reason, p.at = reason, now.Add(l.Quiet)
	if latest := p.first.Add(longest * l.Quiet); p.at.After(latest) {
		p.at = latest
	}
	if rested := l.last[device].Add(between); p.at.Before(rested) {
		p.at = rested
	}
	l.due[device] = p
}

// device returns the device at an address; empty: there is none.
func (l *Listener) device(ctx context.Context, from net.Addr, now time.Time) string {
	a, ok := from.(*net.UDPAddr)
	if !ok {
		return ""
	}
	addr := a.AddrPort().Addr().Unmap().WithZone("")
	name, ok := l.names[addr]
	if age := now.Sub(l.read); ok && age < namesAtMost || !l.read.IsZero() && age < namesFor {
		return name
	}
	l.read = now
	names, err := l.Devices(ctx)
	if err != nil {
		l.Log.Error("the addresses of the devices cannot be read", "err", err)
		return ""
	}
	l.names = names
	return l.names[addr]
}

// tellOther counts a message of somebody else.
func (l *Listener) tellOther(from net.Addr, now time.Time) {
	l.other++
	if l.told.IsZero() || now.Sub(l.told) >= tellOthers {
		l.Log.Warn("messages come from addresses that no device of the inventory has", "messages", l.other, "remote", from.String())
		l.other, l.told = 0, now
	}
}

// look asks for the looks that are due.
func (l *Listener) look(ctx context.Context) {
	now := time.Now()
	for device, p := range l.due {
		if p.at.After(now) || ctx.Err() != nil {
			continue
		}
		if err := l.Look(ctx, device, p.reason); err != nil {
			l.Log.Error("a device that has changed cannot be looked at now", "device", device, "err", err)
			p.at = now.Add(retryFailed)
			l.due[device] = p
			continue
		}
		delete(l.due, device)
		l.last[device] = now
	}
}
