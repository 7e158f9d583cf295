package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/internal/transfer"
)

// requestWithin is how long a ticket waits for the device's request: the
// longest time that a dialogue takes before it comes to the transfer.
const requestWithin = 10 * time.Minute

// taken is one file with what happened on the way.
type taken struct {
	file        api.File // without an error it is proved and in the vault
	moved       int64    // bytes that crossed the wire
	retransmits int      // packets that we repeated
	sessionLost bool     // the copy is complete, and the terminal is gone
	warnings    []string // what a person should know although nothing failed
	notes       []string // that are worth knowing
}

// take proves one file and keeps it: content that the vault holds is reused,
// other content is copied over the first transport that the device does not refuse.
func (j job) take(ctx context.Context, d Device, f api.File) (taken, error) {
	found, err := j.find(ctx, d, f)
	defer found.unlock()
	t := found.taken
	if err != nil || t.file.SHA256 != "" {
		return t, err
	}
	tries := transportTries{left: j.ways(ctx, d)}
	for tries.again() {
		via := j.via(d, tries.way)
		ticket := via.Expect(j.Spool, d.RemoteAddr(), f.Size, time.Now().Add(requestWithin))
		out, err := j.transfer(d, f, via, ticket).Run(ctx)
		seen := ticket.Evidence()
		t.moved, t.retransmits, t.sessionLost = seen.Bytes, t.retransmits+seen.Retransmits, out.SessionLost
		t.file, tries.err = j.arrived(ctx, found, out, err)
		tries.err = closed(ticket, tries.err)
	}
	t.notes, err = j.endTries(ctx, tries)
	if found.damage != nil {
		return j.mended(ctx, t, found.damage, err)
	}
	return t, err
}

// found is our knowledge of a file before it is copied. With a SHA-256 in the file
// nothing has to be copied.
type found struct {
	taken
	digest ios.Digest // the device's
	damage error      // of the vault's copy of this content
	unlock func()     // lets other devices take this content
}

// find asks the device for the digest of a file, and the vault for content that has it.
// Of several devices with the same content at the same time, one copies: the others wait here.
func (j job) find(ctx context.Context, d Device, f api.File) (n found, err error) {
	n = found{taken: taken{file: f}, unlock: func() {}}
	if f.Path == api.RunningConfigPath {
		n.file, err = j.takeRunningConfig(ctx, d, f)
		return n, err
	}
	v, err := j.verify(ctx, d, f)
	n.digest, n.file.Proof, n.warnings = v.Digest, v.Tried, damageWarning(f, v)
	if err != nil || v.MD5 == "" || f.Size < 0 || j.opts.Recopy {
		return n, err
	}
	unlock, err := j.contents().lock(ctx, v.MD5, f.Size, func() { j.tell(j.event(api.StepWait, f)) })
	if err != nil {
		return n, err
	}
	n.unlock = unlock
	n.file, n.damage, err = j.reuse(ctx, n.file, v.Digest)
	return n, err
}

// arrived keeps a file that a transfer brought. err is that of the transfer.
func (j job) arrived(ctx context.Context, n found, out transfer.Outcome, err error) (api.File, error) {
	if err != nil {
		return n.file, err
	}
	return j.keep(ctx, n.file, out.File, n.digest)
}

// verify asks the device for the digest of f, unless its name cannot be typed.
func (j job) verify(ctx context.Context, d Device, f api.File) (ios.Verification, error) {
	if err := j.via(d, j.ways(ctx, d)[0]).Check(fileOf(f)); err != nil {
		return ios.Verification{}, err
	}
	e := j.event(api.StepVerify, f)
	j.tell(e)
	return d.Digest(ctx, f.Path, f.Size, func(marks int) {
		e.Marks = marks
		j.tell(e)
	})
}

// transfer is the copy of f from the device to a ticket.
func (j job) transfer(d Device, f api.File, via transfer.Transport, ticket *spool.Ticket) transfer.Transfer {
	e := j.event(api.StepCopy, f)
	return transfer.Transfer{
		Session: d, Via: via, Path: f.Path, Ticket: ticket, Name: j.device.Name, Stall: j.Stall, Log: j.log(),
		Moved: func(bytes int64) {
			e.Bytes, e.Retransmits = bytes, ticket.Evidence().Retransmits
			j.tell(e)
		},
	}
}

func fileOf(f api.File) transfer.File { return transfer.File{Path: f.Path, Size: f.Size} }

// closed closes a ticket after err, and returns the error of both.
func closed(t *spool.Ticket, err error) error {
	if closeErr := t.Close(); closeErr != nil && err == nil {
		return cause.Wrap(cause.Internal, closeErr, "clear the spool", nil)
	}
	return err
}

// keep compares a received file with the device's digest, inspects it if it is
// an image, and moves it into the vault.
func (j job) keep(ctx context.Context, f api.File, got *spool.File, d ios.Digest) (api.File, error) {
	f, err := compare(f, got, d)
	if err != nil {
		return f, err
	}
	if f, err = inspectReceivedCopy(ctx, f, got.Path); err != nil {
		return f, err
	}
	// A cancelled context must not throw away a file that has arrived.
	ctx = context.WithoutCancel(ctx)
	err = catalog.Claim(ctx, j.Catalog, got.SHA256)
	if err == nil {
		err = j.Vault.Adopt(ctx, got.Path, got.SHA256)
	}
	if err != nil {
		return f, vaultError(err, "keep "+f.Path)
	}
	f.Size, f.MD5, f.SHA256, f.Copied = got.Size, got.MD5, got.SHA256, true
	return f, j.remember(ctx, f)
}

// remember enters content in the index for the devices that wait for it, before
// the snapshot is written.
func (j job) remember(ctx context.Context, f api.File) error {
	if f.Evidence != api.EvidenceMD5 {
		return nil
	}
	if err := j.Catalog.Remember(ctx, f); err != nil {
		return indexError(err, "index "+f.Path)
	}
	return nil
}

// takeRunningConfig keeps the running-config as the terminal shows it. IOS
// computes no digest of it, and nothing is copied over the network.
func (j job) takeRunningConfig(ctx context.Context, d Device, f api.File) (api.File, error) {
	text, err := d.RunningConfig(ctx)
	if err != nil {
		return f, err
	}
	ctx = context.WithoutCancel(ctx)
	sum := sha256.Sum256(text)
	if err := catalog.Claim(ctx, j.Catalog, hex.EncodeToString(sum[:])); err != nil {
		return f, vaultError(err, "keep the running-config")
	}
	sha, md5, err := j.Vault.Put(ctx, text)
	if err != nil {
		return f, vaultError(err, "keep the running-config")
	}
	f.Size, f.MD5, f.SHA256, f.Evidence = int64(len(text)), md5, sha, api.EvidenceSize
	return f, nil
}

func vaultError(err error, doing string) error {
	if cause.Of(err) == cause.Cancelled {
		return err // nothing is wrong with the vault
	}
	fix := api.Say("run ").Do("check").Say(", and check that the data directory is writable and has space")
	if errors.Is(err, os.ErrPermission) {
		fix = api.Say("the data directory must belong to the user that runs flashwarden")
	}
	if errors.Is(err, catalog.ErrRemoving) {
		fix = api.Say("wait until the prune has ended, and try again")
	}
	return cause.Wrap(cause.VaultError, err, doing, fix)
}

func indexError(err error, doing string) error {
	if cause.Of(err) == cause.Cancelled {
		return err
	}
	return cause.Wrap(cause.VaultError, err, doing, api.Say("run ").Do("check"))
}
