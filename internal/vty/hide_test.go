package vty

import (
	"strings"
	"testing"

	"flashwarden/internal/cause"
)

// TestHide keeps a password that is part of a command out of errors.
func TestHide(t *testing.T) {
	l := &Line{cfg: Config{Name: "sw1"}.withDefaults()}
	l.Hide("old-word")
	l.Hide("0nce-w0rd")
	const command = "copy flash:/x https://name:0nce-w0rd@192.0.2.1/name"
	if got := l.quote(command); strings.Contains(got, "0nce-w0rd") || !strings.Contains(got, "https://name:***@192.0.2.1/name") {
		t.Errorf("quoted as %s", got)
	}
	err := l.cfg.redactError(cause.New(cause.PromptUnrecognised, "asked at "+command, nil))
	if strings.Contains(err.Error(), "0nce-w0rd") || cause.Of(err) != cause.PromptUnrecognised {
		t.Errorf("the error is %v", err)
	}
	if got := (Config{}).redact(command); got != command {
		t.Errorf("without a password: %s", got)
	}
}
