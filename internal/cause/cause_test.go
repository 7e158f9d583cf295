package cause_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// TestEveryCauseIsDocumented compares the list with the headings of
// docs/causes.md, in order.
func TestEveryCauseIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/causes.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []cause.Cause
	for _, m := range regexp.MustCompile(`(?m)^## (\S+)$`).FindAllSubmatch(page, -1) {
		documented = append(documented, cause.Cause(m[1]))
	}
	if !slices.Equal(documented, cause.All()) {
		t.Errorf("docs/causes.md has\n%v\nthe program has\n%v", documented, cause.All())
	}
}

// TestEveryCauseIsExplained wants under each heading what the device shows,
// what the server saw, and a fix with something to type.
func TestEveryCauseIsExplained(t *testing.T) {
	page, err := os.ReadFile("../../docs/causes.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range strings.Split(string(page), "\n## ")[1:] {
		name, text, _ := strings.Cut(section, "\n")
		for _, part := range []string{"- **The device** ", "- **The server** ", "- **Fix:** "} {
			if strings.Count("\n"+text, "\n"+part) != 1 {
				t.Errorf("%s has no %q of its own", name, part)
			}
		}
		if _, fix, _ := strings.Cut(text, "- **Fix:** "); !strings.Contains(fix, "`") && name != "unsafe_prompt" && name != "cancelled" {
			t.Errorf("%s: nothing to type among %q", name, fix)
		}
	}
}

func TestOf(t *testing.T) {
	refused := cause.New(cause.AuthFailed, "password refused", api.Say("change it"))
	gone := cause.WithFix(fs.ErrNotExist, api.Say("look"))
	for _, c := range []struct {
		err  error
		want cause.Cause
		hint string
	}{
		{nil, "", ""},
		{refused, cause.AuthFailed, "change it"},
		{fmt.Errorf("log in: %w", refused), cause.AuthFailed, "change it"},
		{cause.Wrap(cause.VaultError, refused, "keep", api.Say("check")), cause.VaultError, "check"},
		{cause.Wrap(cause.VaultError, refused, "keep", nil), cause.VaultError, "run `flashwarden check`"},
		{cause.WithFix(refused, api.Say("another")), cause.AuthFailed, "another"},
		{cause.WithFix(refused, nil), cause.AuthFailed, "change it"},
		{fmt.Errorf("open: %w", gone), cause.Internal, "look"},
		{fmt.Errorf("read: %w", context.Canceled), cause.Cancelled, "run the same command again"},
		{errors.New("anything else"), cause.Internal, "run it again with --verbose and look at the log"},
	} {
		if got := cause.Of(c.err); got != c.want {
			t.Errorf("Of(%v) = %q, want %q", c.err, got, c.want)
		}
		if got := cause.Hint(c.err); got != c.hint {
			t.Errorf("Hint(%v) = %q, want %q", c.err, got, c.hint)
		}
	}
}

// TestEveryCauseHasAFix wants a next step even where the place that saw the
// failure gave none.
func TestEveryCauseHasAFix(t *testing.T) {
	for _, c := range cause.All() {
		if err := cause.New(c, "seen", nil); cause.Hint(err) == "" {
			t.Errorf("%s has no next step", c)
		}
	}
}

// TestWithFixKeepsTheError compares text and identity.
func TestWithFixKeepsTheError(t *testing.T) {
	err := cause.WithFix(fs.ErrNotExist, api.Say("look"))
	if err.Error() != fs.ErrNotExist.Error() || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if plain := cause.Carried(fs.ErrNotExist); plain != nil {
		t.Errorf("an error without a fix carries %v", plain)
	}
}
