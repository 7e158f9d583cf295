package terminal

import (
	"fmt"
	"strings"

	"flashwarden/api"
)

// FormatPlan returns the plan of a restore: the state of each file, the space and
// every command.
func FormatPlan(device string, plan *api.Plan, l Layout) string {
	words := map[string]string{
		api.Equal: "unchanged", api.Absent: "missing", api.Differs: "differs from the snapshot",
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: plan\n", OneLine(device))
	for _, f := range plan.Files {
		b.WriteString(l.Prose("  ", fmt.Sprintf("%s (%s): %s", OneLine(f.Path), Bytes(f.Size), words[f.State])))
	}
	for _, s := range plan.Space {
		b.WriteString(l.Prose("  ", fmt.Sprintf("%s %s free now, %s after", OneLine(s.FileSystem), Bytes(s.Before), Bytes(s.After))))
	}
	for _, note := range plan.Notes {
		b.WriteString(l.Prose("  ", "note: "+OneLine(note)))
	}
	if len(plan.Refusals) > 0 { // the result has them
		return b.String()
	}
	fmt.Fprintf(&b, "  would copy %s; commands:\n", ExactBytes(plan.Bytes))
	for _, c := range plan.Commands {
		fmt.Fprintf(&b, "    %s\n", OneLine(c))
	}
	return b.String()
}

// RestoreQuestion asks for consent to a plan. It names the device, and what the plan
// overwrites, deletes and restarts.
func RestoreQuestion(device string, plan *api.Plan) string {
	copies, reload := 0, false
	var overwritten, deleted, rest []string
	for _, s := range plan.Steps {
		switch s.Kind {
		case api.PlanDelete:
			deleted = append(deleted, OneLine(s.Path))
		case api.PlanCopy, api.PlanStartup:
			copies++
			if s.Overwrite {
				overwritten = append(overwritten, OneLine(s.Path))
			}
		case api.PlanBoot:
			rest = append(rest, "set what it boots")
		case api.PlanReload, api.PlanInstall:
			reload = true
		}
	}
	var parts []string
	if len(deleted) > 0 {
		parts = append(parts, "delete "+few(deleted))
	}
	if copies > 0 {
		parts = append(parts, fmt.Sprintf("copy %s (%s)", Count(copies, "file"), Bytes(plan.Bytes)))
	}
	if len(overwritten) > 0 {
		parts = append(parts, "overwrite "+few(overwritten))
	}
	if parts = append(parts, rest...); reload {
		parts = append(parts, "restart it")
	}
	if len(parts) == 0 {
		return fmt.Sprintf("Change %s as planned?", OneLine(device))
	}
	return fmt.Sprintf("Change %s: %s?", OneLine(device), strings.Join(parts, ", "))
}

// NothingToDo reports whether the device is already as a restore would make it.
func NothingToDo(r api.RestoreResult) bool {
	return r.Status == api.StatusOK && r.Plan != nil && len(r.Plan.Commands) == 0
}

// FormatRestore returns a summary, the files, and why the restore failed.
func FormatRestore(r api.RestoreResult, l Layout) string {
	var b strings.Builder
	say := func(format string, args ...any) {
		b.WriteString(l.Prose("", OneLine(r.Device)+": "+fmt.Sprintf(format, args...)))
	}
	runs := ""
	if r.Facts.Version != "" {
		runs = OneLine(", runs " + r.Facts.Version + " from " + r.Facts.Image)
	}
	if !r.Refused && (r.Status == api.StatusOK || r.Facts.Version != "") { // else the block below says it
		end := l.Palette.Paint(ToneOf(r.Status), endWord(r.Status, r.Cause)) + ", "
		if r.Cause == api.Cancelled {
			end = "" // the block has the word
		}
		did := fmt.Sprintf("%s copied in %.1f s", Bytes(r.BytesCopied), r.Seconds)
		if NothingToDo(r) {
			did = "nothing to do"
		}
		say("%s%s%s", end, did, runs)
	}
	if len(r.Files) > 0 {
		b.WriteString(tableOfRestored(r.Files).Format(l))
	}
	for _, d := range r.Deleted {
		say("deleted %s", OneLine(d))
	}
	if len(r.Boot) > 0 {
		say("boots next %s", OneLine(strings.Join(r.Boot, ", then ")))
	}
	for _, note := range r.Notes {
		say("%s", Printable(note))
	}
	if r.Status != api.StatusOK {
		b.WriteString(FormatRestoreFailure(r, l))
	}
	return strings.TrimPrefix(b.String(), "\n") // a failure alone
}

// tableOfRestored lists the files of a restore.
func tableOfRestored(files []api.File) Table {
	t := Table{Columns: []Column{{Head: "PATH"}, {Head: "DONE", Keep: true}, {Head: "SIZE", Right: true, Keep: true}, {Head: "EVIDENCE", Keep: true}}}
	for _, f := range files {
		done := "unchanged"
		if f.Copied {
			done = "restored"
		}
		t.Rows = append(t.Rows, Texts(f.Path, done, Bytes(f.Size), f.Evidence))
	}
	return t
}

// FormatRestoreFailure says why a restore failed, and the next step.
func FormatRestoreFailure(r api.RestoreResult, l Layout) string {
	status := r.Status
	if r.Refused {
		status = refusedWord(r)
	}
	return Failure(api.BackupResult{Device: r.Device, Status: status, Cause: r.Cause, Message: r.Message, Hint: r.Hint}, l)
}

// refusedWord distinguishes a refusal from the answer no: that plan had no refusal.
func refusedWord(r api.RestoreResult) string {
	if r.Plan != nil && len(r.Plan.Refusals) == 0 {
		return string(api.Cancelled)
	}
	return api.StatusRefused
}
