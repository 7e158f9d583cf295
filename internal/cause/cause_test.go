package cause_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"

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

func TestOf(t *testing.T) {
	refused := cause.New(cause.AuthFailed, "password refused", "change it")
	for _, c := range []struct {
		err  error
		want cause.Cause
		hint string
	}{
		{nil, "", ""},
		{refused, cause.AuthFailed, "change it"},
		{fmt.Errorf("log in: %w", refused), cause.AuthFailed, "change it"},
		{cause.Wrap(cause.VaultError, refused, "keep", "check"), cause.VaultError, "check"},
		{fmt.Errorf("read: %w", context.Canceled), cause.Cancelled, ""},
		{errors.New("anything else"), cause.Internal, ""},
	} {
		if got := cause.Of(c.err); got != c.want {
			t.Errorf("Of(%v) = %q, want %q", c.err, got, c.want)
		}
		if got := cause.Hint(c.err); got != c.hint {
			t.Errorf("Hint(%v) = %q, want %q", c.err, got, c.hint)
		}
	}
}
