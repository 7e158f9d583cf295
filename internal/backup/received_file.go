package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/imagefile"
	"flashwarden/internal/spool"
	"flashwarden/internal/vault"
)

// Received is a file that a device has sent without being asked by a backup:
// by its own archive command, or because a person typed the copy.
type Received struct {
	Device  string     // under whose name it is kept
	Address netip.Addr // that sent it
	Name    string     // that it was sent under
	MD5     string     // that the device computed, in lower-case hexadecimal; empty: unknown
	Began   time.Time
}

// Filer keeps files that devices send, each as a snapshot of one file.
type Filer struct {
	Vault   *vault.Vault
	Catalog catalog.Index
}

// File moves the file into the vault and writes its snapshot. The error is
// also in the result, with its cause. After an error nothing names the file.
func (fl *Filer) File(ctx context.Context, in Received, f *spool.File) (api.BackupResult, error) {
	res := api.BackupResult{Device: in.Device, Status: api.StatusFailed, Attempts: 1,
		Started: in.Began.UTC().Truncate(time.Second), Files: []api.File{}}
	err := fl.file(ctx, in, f, &res)
	res.Seconds = math.Round(time.Since(in.Began).Seconds()*10) / 10
	if err != nil {
		res.Cause, res.Message, res.Hint = cause.Of(err), cause.Text(err), cause.Hint(err)
	}
	return res, err
}

func (fl *Filer) file(ctx context.Context, in Received, f *spool.File, res *api.BackupResult) error {
	name := strings.TrimLeft(in.Name, "/")
	kept := api.File{Path: api.ReceivedPath(name), Kind: kindOf(name), Size: f.Size,
		MD5: f.MD5, SHA256: f.SHA256, Copied: true, Evidence: api.EvidenceSize}
	if err := proveReceived(ctx, in, f, &kept, res); err != nil {
		return err
	}
	defer fl.Vault.Hold()()
	if err := catalog.Claim(ctx, fl.Catalog, f.SHA256); err != nil {
		return vaultError(err, "keep "+name)
	}
	if err := fl.Vault.Adopt(ctx, f.Path, f.SHA256); err != nil {
		return vaultError(err, "keep "+name)
	}
	s := api.Snapshot{
		Format: vault.Format, ID: vault.NewID(in.Device, res.Started), Device: in.Device, Address: in.Address.String(),
		Status: api.StatusOK, Started: res.Started, Seconds: math.Round(time.Since(in.Began).Seconds()*10) / 10,
		BytesCopied: bytesCopied([]api.File{kept}), Files: []api.File{kept}, Notes: res.Notes,
	}
	_, err := catalog.Keep(ctx, fl.Catalog, fl.Vault, s)
	if err != nil && !errors.Is(err, catalog.ErrNotIndexed) {
		return vaultError(err, "write snapshot")
	}
	res.Status, res.Snapshot, res.Files, res.BytesCopied = api.StatusOK, s.ID, s.Files, s.BytesCopied
	if err != nil {
		res.Notes = append(res.Notes, notIndexed(err))
	}
	return nil
}

// proveReceived compares a received file with the digest that the device
// computed, and inspects it.
func proveReceived(ctx context.Context, in Received, f *spool.File, kept *api.File, res *api.BackupResult) error {
	res.Notes = append(res.Notes, fmt.Sprintf("sent by %s over TFTP as %s; its place on the device is not known", in.Address, in.Name))
	if in.MD5 != "" && in.MD5 != f.MD5 {
		return cause.New(cause.DigestMismatch,
			fmt.Sprintf("%s: MD5 mismatch: device %s, received %s (%d bytes)", in.Name, in.MD5, f.MD5, f.Size),
			api.Say("the copy was deleted; compare the digest with ").Type(api.OnDevice, "verify /md5").Say(" on the device, then copy again"))
	}
	if in.MD5 != "" {
		kept.Evidence = api.EvidenceMD5
	}
	return inspectReceived(ctx, f, kept, res)
}

// inspectReceived recognizes an image by its content, whatever its name. One
// that is damaged by its own checks is refused, unless the device's digest
// shows that it is damaged there too.
func inspectReceived(ctx context.Context, f *spool.File, kept *api.File, res *api.BackupResult) error {
	if kept.Kind != api.KindImage && kept.Kind != api.KindPackage && kept.Kind != api.KindOther {
		return nil
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return cause.Wrap(cause.Internal, err, "inspect the received file", nil)
	}
	defer file.Close()
	report, err := imagefile.Inspect(ctx, file, f.Size)
	if err != nil {
		return cause.Wrap(cause.Internal, err, "inspect the received file", fixDisk())
	}
	switch {
	case kept.Kind == api.KindOther && bootable(report.Format):
		kept.Kind = api.KindImage
	case kept.Kind == api.KindImage && report.Format == imagefile.FormatUnknown:
		kept.Kind = api.KindOther
		res.Notes = append(res.Notes, "named like an image, but the content is not an image that flashwarden knows")
	}
	if !isImage(*kept) {
		return nil
	}
	kept.Image = imageOf(report)
	switch {
	case report.Verdict != imagefile.Bad:
		says := cmp.Or(strings.TrimSpace(report.Name+" "+report.Version), "nothing of itself")
		res.Notes = append(res.Notes, fmt.Sprintf("the image says %s; %s", says, kept.Image))
	case kept.Evidence == api.EvidenceSize:
		return cause.New(cause.DigestMismatch, "the received image is "+kept.Image.String(),
			api.Say("it was deleted; copy it again. If this fails again, the file on the device is damaged: put a good image there before it restarts"))
	default:
		res.Notes = append(res.Notes, "the image was saved unchanged, but it is "+kept.Image.String()+"; put a good one there before it restarts")
	}
	return nil
}

// bootable reports whether a format is that of an image.
func bootable(format string) bool {
	switch format {
	case imagefile.FormatELFZip, imagefile.FormatELF, imagefile.FormatMzip, imagefile.FormatIOSXE:
		return true
	}
	return false
}
