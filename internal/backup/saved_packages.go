package backup

import (
	"context"
	"errors"
	"io"
	"slices"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// unsavedPackages returns a missing file for each package that a saved provisioning
// file names, and that the backup does not have. The packages were selected by the text
// that the terminal showed before. The file may have changed since, as when somebody
// installs software at the same time; its copy is proved, and decides.
func (j job) unsavedPackages(ctx context.Context, files []api.File) ([]api.File, error) {
	var missing []api.File
	for _, pointer := range files {
		if pointer.Kind != api.KindBootPointer || pointer.SHA256 == "" {
			continue
		}
		text, err := j.savedText(ctx, pointer)
		if err != nil {
			return nil, err
		}
		names, err := ios.ParsePackages(text)
		if err != nil { // it named some before
			names = []string{"*.pkg"}
		}
		for _, name := range names {
			p := flash.ParsePath(pointer.Path).Dir().Join(name).String()
			if slices.ContainsFunc(files, func(f api.File) bool { return f.Path == p }) {
				continue
			}
			f := api.File{Path: p, Kind: api.KindPackage, Size: -1}
			note(&f, cause.New(cause.SourceMissing, pointer.Path+" changed while the backup ran: it names "+name+", which this backup does not have",
				api.Say("wait until ").Type(api.OnDevice, "show install summary").Say(" shows no activity, then ").Do("backup", j.device.Name)))
			missing = append(missing, f)
		}
	}
	return missing, nil
}

// savedText reads a small text file from the vault.
func (j job) savedText(ctx context.Context, f api.File) (string, error) {
	blob, err := j.Vault.OpenBlob(ctx, f.SHA256)
	if err != nil {
		return "", vaultError(err, "read "+f.Path)
	}
	text, err := io.ReadAll(io.LimitReader(blob, largestPointer))
	if err = errors.Join(err, blob.Close()); err != nil {
		return "", vaultError(err, "read "+f.Path)
	}
	return string(text), nil
}
