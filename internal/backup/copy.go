package backup

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/internal/transfer"
)

// requestWithin is how long a ticket waits for the device's request: the
// longest time that a dialogue takes before it comes to the transfer.
const requestWithin = 10 * time.Minute

// saveOnce proves one file on the present session: content that the vault
// holds is not copied again; of several devices with the same content at the
// same time, one copies.
func (r *run) saveOnce(ctx context.Context, f *api.File) error {
	if f.Path == RunningConfigPath {
		return r.saveRunningConfig(ctx, f)
	}
	if err := r.copyOf(f, "name").Validate(); err != nil {
		return err
	}
	v, err := r.verify(ctx, f)
	if err != nil {
		return err
	}
	f.Proof = v.Tried
	if v.Damaged != "" {
		r.warn(f.Path + ": the device itself finds this image damaged: " + v.Damaged)
	}
	if v.MD5 == "" || f.Size < 0 || r.opts.Recopy {
		return r.transfer(ctx, f, v.Digest)
	}
	return r.transferOnce(ctx, f, v.Digest)
}

// verify asks the device for the digest of f.
func (r *run) verify(ctx context.Context, f *api.File) (ios.Verification, error) {
	e := api.Event{Device: r.device.Name, Step: api.StepVerify, File: f.Path, Size: f.Size}
	r.tell(e)
	return r.session.Digest(ctx, f.Path, f.Size, func(marks int) {
		e.Marks = marks
		r.tell(e)
	})
}

// warn adds what a person should know although nothing failed.
func (r *run) warn(text string) {
	if !slices.Contains(r.warnings, text) { // an earlier attempt may have said it
		r.warnings = append(r.warnings, text)
	}
}

// transferOnce copies f unless the vault holds its content or another run is
// copying it right now.
func (r *run) transferOnce(ctx context.Context, f *api.File, d ios.Digest) error {
	for {
		known, err := r.known(ctx, f, d)
		if known || err != nil {
			return err
		}
		done, wait := r.flights.begin(d.MD5, f.Size)
		if wait == nil {
			defer done()
			return r.transfer(ctx, f, d)
		}
		r.tell(api.Event{Device: r.device.Name, Step: api.StepWait, File: f.Path, Size: f.Size})
		select {
		case <-wait:
		case <-ctx.Done():
			return cause.Ended(ctx)
		}
	}
}

// known reports whether the vault holds content of this digest and size, and
// if so names it in f.
func (r *run) known(ctx context.Context, f *api.File, d ios.Digest) (bool, error) {
	sha, ok, err := r.Catalog.Known(ctx, d.MD5, f.Size)
	if err != nil {
		return false, cause.Wrap(cause.VaultError, err, "look up "+f.Path, api.Say("run `flashwarden check`"))
	}
	if !ok || !r.Vault.HasBlob(sha, f.Size) {
		return false, nil
	}
	f.MD5, f.SHA256, f.Copied, f.Evidence = d.MD5, sha, false, api.EvidenceMD5
	f.Proof = append(f.Proof, "the vault holds this content")
	return true, r.inspectKnown(ctx, f)
}

// transfer has the device copy f to a ticket, compares what came with what
// the device says of it, and moves it into the vault.
func (r *run) transfer(ctx context.Context, f *api.File, d ios.Digest) (err error) {
	ticket := r.Spool.Expect(r.session.RemoteAddr(), f.Size, time.Now().Add(requestWithin))
	defer func() {
		if closeErr := ticket.Close(); closeErr != nil && err == nil {
			err = cause.Wrap(cause.Internal, closeErr, "clear the spool", nil)
		}
	}()
	got, err := r.fetch(ctx, f, ticket)
	if err != nil {
		return err
	}
	r.result.BytesCopied += got.Size
	if err := prove(f, got, d); err != nil {
		return err
	}
	if err := r.inspectFile(ctx, f, got.Path); err != nil {
		return err
	}
	if err := r.Vault.Adopt(got.Path, got.SHA256); err != nil {
		return vaultError(err, "keep "+f.Path)
	}
	f.Size, f.MD5, f.SHA256, f.Copied = got.Size, got.MD5, got.SHA256, true
	return r.remember(ctx, f)
}

// prove compares what came with what the device computed, and writes into f
// what that proves.
func prove(f *api.File, got *spool.File, d ios.Digest) error {
	algorithm, want, have := "MD5", d.MD5, got.MD5
	f.Evidence = api.EvidenceMD5
	switch {
	case d.MD5 == "" && d.SHA512 == "":
		f.Evidence = api.EvidenceSize
		f.Proof = append(f.Proof, fmt.Sprintf("no digest by the device: %d bytes came, as its listing says", got.Size))
		return nil
	case d.MD5 == "":
		sum, err := sha512Of(got.Path)
		if err != nil {
			return cause.Wrap(cause.Internal, err, "compute the SHA-512 of "+f.Path, nil)
		}
		algorithm, want, have = "SHA-512", d.SHA512, sum
		f.Evidence, f.SHA512 = api.EvidenceSHA512, sum
	}
	if have != want {
		return cause.New(cause.DigestMismatch,
			fmt.Sprintf("%s: the device computes %s %s, received were %d bytes with %s %s", f.Path, algorithm, want, got.Size, algorithm, have),
			api.Say("the copy was thrown away; back the device up again, and if it stays so compare with `verify "+f.Path+"` on the device"))
	}
	return nil
}

// sha512Of reads a file once more: the spool does not compute SHA-512, which
// only devices without verify /md5 are asked for.
func sha512Of(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// remember makes content known to the devices that wait for it, before the
// snapshot is written.
func (r *run) remember(ctx context.Context, f *api.File) error {
	if f.Evidence != api.EvidenceMD5 {
		return nil
	}
	if err := r.Catalog.Remember(ctx, *f); err != nil {
		return cause.Wrap(cause.VaultError, err, "index "+f.Path, api.Say("run `flashwarden check`"))
	}
	return nil
}

// fetch has the device send f to the ticket. The next file gets a new session
// where this one was lost on the way.
func (r *run) fetch(ctx context.Context, f *api.File, ticket *spool.Ticket) (*spool.File, error) {
	out, err := transfer.Transfer{
		Session: r.session, Via: r.via(), Path: f.Path, Ticket: ticket, Name: r.device.Name, Stall: r.Stall,
		Moved: func(bytes int64) {
			r.tell(api.Event{Device: r.device.Name, Step: api.StepCopy, File: f.Path, Bytes: bytes, Size: f.Size})
		},
		Log: r.log(),
	}.Run(ctx)
	r.reach.bytes = ticket.Evidence().Bytes
	return out.File, err
}

// via is the way that files take from the device.
func (r *run) via() transfer.Transport {
	return transfer.TFTP{Server: transfer.Server(r.device, r.Advertise, r.session.LocalAddr()), VRF: r.device.VRF, Ports: r.Ports}
}

func (r *run) copyOf(f *api.File, name string) ios.Copy {
	return r.via().Copy(transfer.File{Path: f.Path, Size: f.Size}, name)
}

// saveRunningConfig keeps the running-config as the terminal shows it. IOS
// computes no digest of it.
func (r *run) saveRunningConfig(ctx context.Context, f *api.File) error {
	text, err := r.session.RunningConfig(ctx)
	if err != nil {
		return err
	}
	sha, md5, err := r.Vault.Put(text)
	if err != nil {
		return vaultError(err, "keep the running-config")
	}
	f.Size, f.MD5, f.SHA256, f.Copied, f.Evidence = int64(len(text)), md5, sha, true, api.EvidenceSize
	return nil
}

func vaultError(err error, doing string) error {
	hint := "run `flashwarden check`, and see that the data directory is writable and has space"
	if errors.Is(err, os.ErrPermission) {
		hint = "the data directory must belong to the user that runs flashwarden"
	}
	return cause.Wrap(cause.VaultError, err, doing, api.Say(hint))
}
