package restore

import (
	"context"
	"errors"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// lister is a device that lists one file system.
type lister struct {
	Device
	listing ios.Listing
}

func (l lister) List(context.Context, string) ([]ios.Listing, error) {
	return []ios.Listing{l.listing}, nil
}

// TestDeletedFileIsGone believes the listing after a deletion, not that the command
// was accepted.
func TestDeletedFileIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		left string
		want cause.Cause
	}{"it is gone": {"x", ""}, "it is still there": {"y", cause.CommandRejected}} {
		l := ios.Listing{FileSystem: "flash:", Path: "flash:/", Free: 100, Entries: []ios.Entry{{Name: c.left, Size: 1, Type: ios.TypeFile}}}
		a := application{view: seen("flash:/x", nil, nil, "flash:/x", "flash:/y"), line: &line{Device: lister{listing: l}}}
		done, err := a.measure(t.Context(), flash.ParsePath("flash:/y"), outcome{})
		if cause.Of(err) != c.want || err == nil && done.free["flash:"] != 100 {
			t.Errorf("%s: %v, free %v", name, err, done.free)
		}
	}
}

// TestNothingInUseIsDeleted refuses to delete what the device runs, whatever the plan
// says. The line has no device: nothing is typed.
func TestNothingInUseIsDeleted(t *testing.T) {
	a := application{view: seen("flash:/x.bin", nil, nil, "flash:/x.bin"), line: &line{}}
	_, err := a.remove(t.Context(), api.PlanStep{Kind: api.PlanDelete, Path: "flash:/x.bin"}, outcome{})
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "the device runs it") {
		t.Errorf("%v", err)
	}
}
