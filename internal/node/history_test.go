package node_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
	"flashwarden/internal/iossim"
	"flashwarden/internal/node"
	"flashwarden/internal/vault"
	"flashwarden/tftp"
)

// TestRunsAreRecorded backs up devices of which one works, one refuses the
// password and one sends no TFTP request. A dry run, and a backup that was
// cancelled before it began, leave no run.
func TestRunsAreRecorded(t *testing.T) {
	t.Parallel()
	n := openNode(t)
	good := deviceOf(t, n, "good", startSwitch(t, n, "c2500", iossim.Options{}, false))
	locked := deviceOf(t, n, "locked", startSwitch(t, n, "c2500", iossim.Options{}, false))
	locked.Username = "nobody"
	if err := n.Catalog.UpdateDevice(t.Context(), locked, catalog.Secrets{}); err != nil {
		t.Fatal(err)
	}
	devices := []api.Device{good, locked}
	n.Backup(t.Context(), devices, api.Backup{DryRun: true}, nil, nil)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	n.Backup(cancelled, devices, api.Backup{}, nil, nil)
	for _, d := range devices {
		if runs, err := n.Catalog.Runs(t.Context(), d.Name, 9); err != nil || len(runs) > 0 {
			t.Errorf("%s: %+v, error %v; want no run", d.Name, runs, err)
		}
	}
	for _, r := range n.Backup(t.Context(), devices, api.Backup{}, nil, nil) {
		runs, err := n.Catalog.Runs(t.Context(), r.Device, 9)
		if err != nil || len(runs) != 1 {
			t.Fatalf("%s: %+v, error %v; want one run", r.Device, runs, err)
		}
		run := runs[0]
		if run.Kind != api.RunBackup || run.Status != r.Status || run.Cause != r.Cause || run.Message != r.Message || run.Hint != r.Hint ||
			run.Attempts != r.Attempts || run.BytesCopied != r.BytesCopied || run.Snapshot != r.Snapshot || run.Version != r.Facts.Version || run.Ended.Before(run.Started) {
			t.Errorf("%s: recorded %+v; the result is %+v", r.Device, run, r)
		}
		if r.Device == "good" && (run.Status != api.StatusOK || run.BytesCopied == 0) || r.Device == "locked" && (run.Status != api.StatusFailed || run.Hint == "") {
			t.Errorf("%s: %+v", r.Device, run)
		}
	}
	altered := api.Plan{Digest: "not that of the plan"}
	if r, err := n.ApplyPlan(t.Context(), good, api.Snapshot{}, altered, nil); err != nil || !r.Refused {
		t.Errorf("restore by an altered plan: %+v, error %v; want it refused", r, err)
	}
	if runs, err := n.Catalog.Runs(t.Context(), "good", 1); err != nil || len(runs) != 1 || runs[0].Kind != api.RunRestore || runs[0].Status != api.StatusRefused {
		t.Errorf("%+v, error %v; want a refused restore", runs, err)
	}
}

// TestRunsOfADeadProcess begins a run and ends the process without ending it.
// The next process that works on the devices ends it as interrupted; others
// can tell it from a run that goes on.
func TestRunsOfADeadProcess(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.TFTP.Listen = "127.0.0.1:0"
	cfg.TFTP.PortRange = tftp.PortRange{}
	data := filepath.Join(t.TempDir(), "data")
	open := func() *node.Node {
		n, err := node.Open(t.Context(), node.Options{Data: data, Config: cfg})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Close() })
		return n
	}
	wantServed := func(n *node.Node, want bool) {
		t.Helper()
		if served, err := n.Served(); err != nil || served != want {
			t.Errorf("served %t, error %v; want %t", served, err, want)
		}
	}
	first, reader := open(), open()
	wantServed(reader, false)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	wantServed(first, true)
	wantServed(reader, true)
	r := api.Run{ID: "run-1", Device: "sw1", Kind: api.RunBackup, Started: time.Now()}
	if err := first.Catalog.BeginRun(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	wantServed(reader, false)
	for _, want := range []string{api.StatusRunning, api.StatusInterrupted} {
		if runs, err := reader.Catalog.Runs(t.Context(), "sw1", 9); err != nil || len(runs) != 1 || runs[0].Status != want {
			t.Errorf("%+v, error %v; want %s", runs, err, want)
		}
		if want == api.StatusRunning {
			if err := open().Start(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestLandedSnapshotIsIndexed: a snapshot that the vault has in spite of an error enters the
// index with the next backup, while the process runs.
func TestLandedSnapshotIsIndexed(t *testing.T) {
	t.Parallel()
	n := openNode(t)
	v, err := n.Vault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	started := time.Date(2026, 11, 22, 14, 15, 3, 0, time.UTC)
	s := api.Snapshot{ID: vault.NewID("sw1", started), Device: "sw1", Started: started, Status: api.StatusOK}
	if err := n.Catalog.Intend(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := v.PutSnapshot(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	n.Backup(t.Context(), nil, api.Backup{}, nil, nil)
	if rows, err := n.Catalog.Snapshots(t.Context(), "sw1"); err != nil || len(rows) != 1 {
		t.Errorf("%+v, error %v; want the snapshot in the index", rows, err)
	}
}
