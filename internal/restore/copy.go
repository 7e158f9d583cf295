package restore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/internal/transfer"
)

const (
	// requestWithin is how long a ticket waits for the device's request.
	requestWithin = 10 * time.Minute
	// cleanWithin is how long it may take to look after a copy that failed,
	// also when the user has broken off.
	cleanWithin = time.Minute
)

// fileStep restores one file.
func (r *run) fileStep(t target) step {
	var commands []string
	if r.replaces(t) {
		commands = append(commands, "verify /md5 "+t.Path, ios.Delete(t.Path).Line)
	}
	commands = append(commands, r.copyTo(t, "TICKET").Command())
	if r.noDigest {
		commands = append(commands, r.copyFrom(t.Path, "TICKET").Command())
	} else {
		commands = append(commands, "verify /md5 "+t.Path)
	}
	return step{commands, func(ctx context.Context) error { return r.put(ctx, t) }}
}

// replaces reports whether a file has to go before the new one comes. In
// nvram: a copy takes the place of the old one by itself.
func (r *run) replaces(t target) bool { return t.state == api.Differs && !inNVRAM(t.Path) }

func inNVRAM(p string) bool { return flash.ParsePath(p).FS == "nvram:" }

// put brings one file onto the device and proves it there.
func (r *run) put(ctx context.Context, t target) error {
	if inNVRAM(t.Path) {
		// On a Catalyst nvram: is config.text in flash under another name.
		if d, err := r.digest(ctx, t.Path, t.Size); err == nil && compared(d, t.File) == same {
			r.finish(t, evidenceOf(d), false)
			return nil
		}
	}
	if r.replaces(t) {
		if err := r.deleteKept(ctx, t.Path, t.there); err != nil {
			return err
		}
	}
	ticket, err := r.offer(ctx, t)
	if err != nil {
		return err
	}
	defer ticket.Close() // nothing of a download is left in the spool
	r.changed = true
	_, err = r.transfer(ctx, t.Path, true, ticket)
	if err == nil || cause.Of(err) == cause.SessionLost {
		err = r.prove(ctx, t, err)
	}
	if err == nil {
		r.result.BytesCopied += t.Size
		return nil
	}
	return r.cleanUp(ctx, t, ticket, err)
}

// offer makes the ticket for one file. The blob is read and proved before.
func (r *run) offer(ctx context.Context, t target) (*spool.Ticket, error) {
	blob, err := r.Vault.OpenBlob(t.SHA256)
	var ticket *spool.Ticket
	if err == nil {
		ticket, err = r.Spool.Offer(ctx, blob, spool.Offer{Device: r.session.RemoteAddr(), SHA256: t.SHA256, Deadline: time.Now().Add(requestWithin)})
	}
	switch {
	case err == nil:
		return ticket, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, os.ErrPermission):
		return nil, cause.Wrap(cause.VaultError, err, "offer "+t.Path, api.Say("the data directory must belong to the user that runs flashwarden"))
	}
	return nil, cause.Wrap(cause.VaultError, err, "offer "+t.Path, api.Say("run `flashwarden check --read-data`, and back the device up with --recopy"))
}

func (r *run) copyTo(t target, name string) ios.Copy {
	return r.via().Copy(transfer.File{Path: t.Path, Size: t.Size, ToDevice: true}, name)
}

func (r *run) copyFrom(p, name string) ios.Copy {
	return r.via().Copy(transfer.File{Path: p, Size: -1}, name)
}

// via is the way that files take to and from the device.
func (r *run) via() transfer.Transport {
	return transfer.TFTP{Server: transfer.Server(r.device, r.Advertise, r.session.LocalAddr()), VRF: r.device.VRF, Ports: r.Ports}
}

// transfer makes one copy, and takes a new session where the copy completed
// after the old one was lost.
func (r *run) transfer(ctx context.Context, p string, toDevice bool, ticket *spool.Ticket) (*spool.File, error) {
	out, err := transfer.Transfer{
		Session: r.session, Via: r.via(), Path: p, ToDevice: toDevice, Ticket: ticket, Name: r.device.Name, Stall: r.Stall,
		Moved: func(bytes int64) { r.tell(r.device.Name, api.StepCopy, p, bytes, ticket.Size) },
		Log:   r.log(),
	}.Run(ctx)
	if err == nil && out.SessionLost {
		r.hangUp()
		err = r.dial(ctx)
	}
	return out.File, err
}

// prove compares what is on the device with the snapshot. With an error of
// the copy, which was a line that died, it looks over a new line.
func (r *run) prove(ctx context.Context, t target, copyErr error) error {
	if copyErr != nil {
		r.hangUp()
		if err := r.dial(ctx); err != nil {
			return errors.Join(copyErr, err)
		}
	}
	d, err := r.digest(ctx, t.Path, t.Size)
	if err != nil {
		return cmp.Or(copyErr, err)
	}
	switch compared(d, t.File) {
	case same:
		r.finish(t, evidenceOf(d), true)
		return nil
	case other:
		return cmp.Or(copyErr, digestMismatch(t, d))
	}
	return r.proveByReading(ctx, t, copyErr)
}

func digestMismatch(t target, d ios.Digest) error {
	return cause.New(cause.DigestMismatch, fmt.Sprintf("%s: the snapshot says %s, the device computes %s", t.Path, cmp.Or(t.MD5, t.SHA512), cmp.Or(d.MD5, d.SHA512)),
		api.Say("try again; if it stays so, the flash of the device is not to be trusted"))
}

// proveByReading reads a file back from a device that computes no digest.
func (r *run) proveByReading(ctx context.Context, t target, copyErr error) error {
	sha, err := r.readBack(ctx, t.Path, t.Size)
	switch {
	case err == nil && sha == t.SHA256:
		r.note(t.Path + " was read back from the device and is equal, byte by byte: this device computes no digest")
		r.finish(t, api.EvidenceSize, true)
		return nil
	case copyErr != nil:
		return copyErr
	case err != nil:
		return err
	}
	return cause.New(cause.DigestMismatch, fmt.Sprintf("%s: read back from the device it has SHA-256 %s, the snapshot says %s", t.Path, sha, t.SHA256),
		api.Say("try again; if it stays so, the flash of the device is not to be trusted"))
}

// readBack has the device send a file, and returns its SHA-256.
func (r *run) readBack(ctx context.Context, p string, size int64) (sha256 string, err error) {
	ticket := r.Spool.Expect(r.session.RemoteAddr(), size, time.Now().Add(requestWithin))
	defer func() { err = errors.Join(err, ticket.Close()) }()
	f, err := r.transfer(ctx, p, false, ticket)
	if err != nil {
		return "", err
	}
	return f.SHA256, nil
}

func (r *run) finish(t target, evidence string, copied bool) {
	t.Evidence, t.Copied = evidence, copied
	r.tellProved(t.File)
}

// cleanUp removes what a failed copy left under a name where nothing was
// before, or says that it is there. It does so also when the user broke off.
// A file that the device never asked us for is not ours.
func (r *run) cleanUp(ctx context.Context, t target, ticket *spool.Ticket, failure error) error {
	if !ticket.Evidence().Requested {
		return failure
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanWithin)
	defer cancel()
	failure = errors.Join(failure, ticket.Close()) // the device gets no more of it
	what, err := r.removePartial(ctx, t)
	if err != nil {
		r.log().Info("look after a failed copy", "device", r.device.Name, "file", t.Path, "err", err)
		what = t.Path + " may be on the device with wrong content, and could not be looked at: see `dir " + t.Path + "`, and delete it by hand"
		if inNVRAM(t.Path) {
			what = t.Path + " may be incomplete: `write memory` on the device writes the running-config there"
		}
	}
	return &cause.Error{Cause: cause.Of(failure), Seen: failure.Error() + "; " + what, Fix: cause.FixOf(failure), Err: nil}
}

// removePartial deletes the file that a failed copy left, over a new line: the
// old one may be in the middle of anything.
func (r *run) removePartial(ctx context.Context, t target) (what string, err error) {
	r.hangUp()
	if err := r.dial(ctx); err != nil {
		return "", err
	}
	if inNVRAM(t.Path) {
		return "", errors.New("in nvram: nothing is deleted")
	}
	listings, err := r.session.List(ctx, flash.ParsePath(t.Path).FS)
	if err != nil {
		return "", err
	}
	for i := range listings {
		listings[i].Table = r.view.table()
	}
	if _, there := flash.Read(r.view.facts, listings).Entry(flash.ParsePath(t.Path)); !there {
		return "nothing of " + t.Path + " is left on the device", nil
	}
	if err := r.do(ctx, ios.Delete(t.Path)); err != nil {
		return "", err
	}
	return "what came of " + t.Path + " was deleted", nil
}
