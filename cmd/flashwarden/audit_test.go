package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"flashwarden/api"
)

// TestBrokenAudit ends with an error that names the line.
func TestBrokenAudit(t *testing.T) {
	var out bytes.Buffer
	err := printAuditCheck(&output{out: &out}, api.AuditCheck{Lines: 3, Hash: "ab", Broken: 2, Detail: "line 2 was changed"})
	if !errors.Is(err, errProblems) || !strings.Contains(out.String(), "Audit trail changed: line 2 was changed.") {
		t.Errorf("%v, %s", err, out.String())
	}
}
