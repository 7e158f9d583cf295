// Package compare finds what changed between two snapshots. It is pure: the
// contents of files come from the caller.
package compare

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/diff"

	"flashwarden/api"
	"flashwarden/internal/ios"
)

// MaxText is the greatest size, in bytes, of a text whose lines are compared.
const MaxText = 4 << 20

// Options say how snapshots are compared.
type Options struct {
	// Read returns a content of at most MaxText bytes.
	Read        func(sha256 string) ([]byte, error)
	ShowSecrets bool // false: secrets are masked
}

// Snapshots reports what changed from a to b.
func Snapshots(a, b api.Snapshot, o Options) api.DiffResult {
	r := api.DiffResult{A: side(a), B: side(b), Facts: facts(a.Facts, b.Facts), Files: files(a, b, o), Listing: listings(a, b)}
	r.Changed = len(r.Facts)+len(r.Files)+len(r.Listing) > 0
	return r
}

func side(s api.Snapshot) api.DiffSide {
	return api.DiffSide{Snapshot: s.ID, Device: s.Device, Started: s.Started}
}

func facts(a, b api.Facts) []api.FactChange {
	changes := []api.FactChange{}
	for _, f := range []api.FactChange{
		{Fact: "hostname", Old: a.Hostname, New: b.Hostname}, {Fact: "os", Old: a.OS, New: b.OS}, {Fact: "version", Old: a.Version, New: b.Version},
		{Fact: "model", Old: a.Model, New: b.Model}, {Fact: "serial", Old: a.Serial, New: b.Serial}, {Fact: "mode", Old: a.Mode, New: b.Mode}, {Fact: "image", Old: a.Image, New: b.Image},
	} {
		if f.Old != f.New {
			changes = append(changes, f)
		}
	}
	return changes
}

// files compares the files that are kept. One that a backup could not save is
// like one that was not there.
func files(a, b api.Snapshot, o Options) []api.FileChange {
	old, changes := make(map[string]api.File), []api.FileChange{}
	for _, f := range a.Files {
		if f.SHA256 != "" {
			old[f.Path] = f
		}
	}
	for _, f := range b.Files {
		was, known := old[f.Path]
		delete(old, f.Path)
		switch {
		case f.SHA256 == "" && !known || f.SHA256 == was.SHA256:
		case f.SHA256 == "":
			changes = append(changes, api.FileChange{Path: f.Path, Kind: f.Kind, Change: api.ChangeRemoved, OldSize: was.Size, NewSize: -1, OldSHA: was.SHA256,
				Note: "the newer backup could not save it: " + string(f.Cause)})
		case !known:
			changes = append(changes, api.FileChange{Path: f.Path, Kind: f.Kind, Change: api.ChangeAdded, OldSize: -1, NewSize: f.Size, NewSHA: f.SHA256})
		default:
			if c, changed := content(was, f, o); changed {
				changes = append(changes, c)
			}
		}
	}
	for _, f := range old {
		changes = append(changes, api.FileChange{Path: f.Path, Kind: f.Kind, Change: api.ChangeRemoved, OldSize: f.Size, NewSize: -1, OldSHA: f.SHA256})
	}
	slices.SortFunc(changes, func(x, y api.FileChange) int { return cmp.Compare(x.Path, y.Path) })
	return changes
}

// content compares two contents of one path. It reports false if only lines
// changed that change by themselves.
func content(a, b api.File, o Options) (api.FileChange, bool) {
	c := api.FileChange{Path: b.Path, Kind: b.Kind, Change: api.ChangeChanged, OldSize: a.Size, NewSize: b.Size, OldSHA: a.SHA256, NewSHA: b.SHA256}
	if a.Size > MaxText || b.Size > MaxText || b.Kind == api.KindImage || b.Kind == api.KindPackage {
		return c, true
	}
	before, err := o.Read(a.SHA256)
	if err == nil {
		var after []byte
		if after, err = o.Read(b.SHA256); err == nil {
			return texts(c, before, after, o)
		}
	}
	c.Note = fmt.Sprintf("it cannot be read: %v", err)
	return c, true
}

// texts compares two contents that may be texts.
func texts(c api.FileChange, a, b []byte, o Options) (api.FileChange, bool) {
	if !isText(a) || !isText(b) {
		return c, true
	}
	before, after := ios.WithoutVolatile(string(a)), ios.WithoutVolatile(string(b))
	if before == after {
		return c, false
	}
	if !o.ShowSecrets {
		hide := numbers()
		before, after = ios.MaskSecrets(before, hide), ios.MaskSecrets(after, hide)
	}
	unified := diff.Diff(c.Path, []byte(before), c.Path, []byte(after))
	_, unified, _ = bytes.Cut(unified, []byte("\n")) // "diff PATH PATH"
	c.Diff = string(unified)
	return c, true
}

// numbers returns a function that gives each secret a number, so that a secret
// that changed can be seen, and not read.
func numbers() func(secret string) string {
	known := make(map[string]int)
	return func(secret string) string {
		secret = strings.TrimSpace(secret)
		if known[secret] == 0 {
			known[secret] = len(known) + 1
		}
		return fmt.Sprintf("<secret %d>", known[secret])
	}
}

// isText reports whether a content is a text: vlan.dat is none.
func isText(data []byte) bool {
	return utf8.Valid(data) && !bytes.ContainsFunc(data, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\x03' })
}

// listings compares what the flash held, without the files that are compared
// already. The time of a file alone is no change.
func listings(a, b api.Snapshot) []api.ListingChange {
	compared := make(map[string]bool)
	for _, f := range slices.Concat(a.Files, b.Files) {
		compared[f.Path] = true
	}
	old, changes := entries(a), []api.ListingChange{}
	for path, size := range entries(b) {
		was, known := old[path]
		delete(old, path)
		switch {
		case compared[path] || known && was == size:
		case known:
			changes = append(changes, api.ListingChange{Path: path, Change: api.ChangeChanged, OldSize: was, NewSize: size})
		default:
			changes = append(changes, api.ListingChange{Path: path, Change: api.ChangeAdded, OldSize: -1, NewSize: size})
		}
	}
	for path, size := range old {
		if !compared[path] {
			changes = append(changes, api.ListingChange{Path: path, Change: api.ChangeRemoved, OldSize: size, NewSize: -1})
		}
	}
	slices.SortFunc(changes, func(x, y api.ListingChange) int { return cmp.Compare(x.Path, y.Path) })
	return changes
}

// entries are the sizes of all files and directories in the listings, by path.
// Directories have none.
func entries(s api.Snapshot) map[string]int64 {
	all := make(map[string]int64)
	for _, l := range s.Listings {
		for _, e := range l.Entries {
			path, size := strings.TrimSuffix(l.Path, "/")+"/"+e.Name, e.Size
			if e.Directory {
				path, size = path+"/", -1
			}
			all[path] = size
		}
	}
	return all
}
