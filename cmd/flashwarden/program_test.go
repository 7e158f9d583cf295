package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"flashwarden/api"
)

// TestEveryCommandHasAnExample goes through all commands, those that cobra
// makes too.
func TestEveryCommandHasAnExample(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if !strings.Contains(cmd.Example, "flashwarden ") || cmd.Short == "" {
			t.Errorf("the help of %q has no example, or nothing that says what it does", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit((&program{}).command())
}

// TestUntold keeps what was told already from hiding what was not.
func TestUntold(t *testing.T) {
	server := errors.New("the TFTP server stopped")
	for _, c := range []struct{ err, want error }{
		{errDevicesFailed, nil},
		{errors.Join(errDevicesFailed), nil},
		{errors.Join(errProblems, errors.Join(errDevicesFailed)), nil},
		{server, server},
		{errors.Join(errors.Join(errDevicesFailed), server), server},
	} {
		got := unprinted(c.err)
		if (got == nil) != (c.want == nil) || got != nil && got.Error() != c.want.Error() {
			t.Errorf("of %v is left %v, want %v", c.err, got, c.want)
		}
	}
}

// TestTableTellsTheWeakestEvidence has one package of many that is proved by
// its size alone.
func TestTableTellsTheWeakestEvidence(t *testing.T) {
	strong := api.File{Kind: api.KindPackage, Evidence: api.EvidenceMD5}
	weak := api.File{Kind: api.KindPackage, Evidence: api.EvidenceSize}
	config := api.File{Kind: api.KindConfig, Evidence: api.EvidenceSize}
	for _, c := range []struct {
		files []api.File
		want  string
	}{
		{[]api.File{strong, weak, strong}, api.EvidenceSize},
		{[]api.File{weak, strong}, api.EvidenceSize},
		{[]api.File{strong, strong, config}, api.EvidenceMD5},
		{[]api.File{config}, ""},
	} {
		if got := evidence(api.BackupResult{Files: c.files}); got != c.want {
			t.Errorf("%+v: evidence %q, want %q", c.files, got, c.want)
		}
	}
}
