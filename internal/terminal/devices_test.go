package terminal

import (
	"strings"
	"testing"
	"time"

	"flashwarden/api"
)

// TestRunsOfADevice reads the runs and the last failure in device show.
func TestRunsOfADevice(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	run := func(kind, status string, c api.Cause, hours int) api.Run {
		started := now.Add(-time.Duration(hours) * time.Hour)
		return api.Run{Kind: kind, Status: status, Cause: c, Message: "message of " + status, Hint: "hint of " + status, BytesCopied: 18_286_080,
			Started: started, Ended: started.Add(71 * time.Second)}
	}
	failed := run(api.RunBackup, api.StatusFailed, "no_request", 2)
	d := api.DeviceDetail{Runs: []api.Run{
		run(api.RunRestore, api.StatusRefused, api.Cancelled, 1), failed, run(api.RunBackup, api.StatusIncomplete, api.Cancelled, 3),
		run(api.RunBackup, api.StatusOK, "", 4), run(api.RunBackup, api.StatusInterrupted, "", 5), {Kind: api.RunBackup, Status: api.StatusRunning, Started: now},
		run(api.RunBackup, api.StatusUnchanged, "", 6),
	}}
	look := now.Add(-6 * time.Hour)
	d.Status.LastLook = &look
	d.Status.Protected, d.Status.LastFails, d.Status.LastFailure = true, true, &failed
	shown := FormatFields(DeviceFields(d, now), Layout{})
	for _, want := range []string{
		"(1 hour ago): refused after 1 min\n", "message of refused\n",
		"(2 hours ago): failed after 1 min: no TFTP request arrived\n", "(3 hours ago): cancelled after 1 min\n",
		"(4 hours ago): ok, 18.3 MB copied in 1 min\n", "(5 hours ago): interrupted\n", "(6 hours ago): unchanged, looked for 1 min\n", "(6 hours ago): unchanged since the last backup\n", "(just now): running\n",
		"hint of failed\n", "\nprotected        yes, but the last backup failed\n",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %q in\n%s", want, shown)
		}
	}
	if n := strings.Count(shown, "message of failed"); n != 1 {
		t.Errorf("the message of the failure stands %d times in\n%s", n, shown)
	}
	d.Status.LastFails = false
	if later := FormatFields(DeviceFields(d, now), Layout{}); strings.Contains(later, "message of failed") || !strings.Contains(later, "last failure") || strings.Contains(later, "but the last") {
		t.Errorf("after a later success:\n%s", later)
	}
}

// TestFailureOfADevice: device list says why the last backup failed in the words of status.
func TestFailureOfADevice(t *testing.T) {
	row := api.DeviceRow{}
	row.LastFails, row.LastFailure = true, &api.Run{Status: api.StatusFailed, Cause: "tid_blocked"}
	for cause, want := range map[api.Cause]string{"tid_blocked": "transfer ports blocked", api.Cancelled: "cancelled", "": api.StatusFailed} {
		if row.LastFailure.Cause = cause; lastFailure(row) != want {
			t.Errorf("%q: %q, want %q", cause, lastFailure(row), want)
		}
	}
	if row.LastFails = false; lastFailure(row) != "" {
		t.Errorf("after a success: %q", lastFailure(row))
	}
}

// TestStepsOfAJob: a next step of several lines has these lines, in jobs show and in status.
func TestStepsOfAJob(t *testing.T) {
	const hint = "check in this order:\n1. a\n2. b"
	shown := FormatJob(api.Job{State: api.JobFailed, Message: "m", Hint: hint}, time.Now(), Layout{})
	if !strings.HasSuffix(shown, "\nnext: check in this order:\n1. a\n2. b\n") {
		t.Errorf("%s", shown)
	}
	now := time.Now()
	status := Status{Status: api.Status{Care: []api.Care{{Task: "check", Failed: true, LastRun: &now, Hint: hint}}}}
	if shown := status.Format(Layout{}, now); !strings.Contains(shown, "\n  next: check in this order:\n  1. a\n  2. b\n") {
		t.Errorf("%s", shown)
	}
}
