package terminal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashwarden/api"
)

// Jobs returns the table of jobs.
func Jobs(list []api.Job, now time.Time) Table {
	table := Table{Columns: []Column{{Head: "JOB", Keep: true}, {Head: "KIND", Wide: true}, {Head: "DEVICE", Spare: true}, {Head: "STATE", Keep: true}, {Head: "WHEN"},
		{Head: "BY"}, {Head: "CAUSE"}, {Head: "ATTEMPTS", Right: true, Wide: true}}}
	for _, j := range list {
		row := Texts(j.ID, j.Kind, jobSubject(j), j.State, jobTime(j, now), j.By, jobCause(j), strconv.Itoa(j.Attempts))
		row[3].Tone = toneOfJob(j.State)
		table.Rows = append(table.Rows, row)
	}
	return table
}

// jobSubject is what a job is about: a device, or a task of the vault.
func jobSubject(j api.Job) string {
	if j.Device == "" {
		return "(" + strings.TrimSpace(j.Kind+" "+j.Name) + ")"
	}
	return j.Device
}

// jobCause says why a job failed, in the words of status.
func jobCause(j api.Job) string {
	if j.Cause == "" {
		return ""
	}
	return CauseWords(j.Cause)
}

// jobTime says when something happened to a job, or will.
func jobTime(j api.Job, now time.Time) string {
	switch {
	case !j.Ended.IsZero():
		return Ago(j.Ended, now)
	case j.State == api.JobRunning:
		return "for " + Age(now.Sub(j.Started))
	case j.Due.After(now):
		return "in " + Age(j.Due.Sub(now))
	}
	return "waits " + Age(now.Sub(j.Due))
}

func toneOfJob(state string) Tone {
	switch state {
	case api.JobDone:
		return Good
	case api.JobFailed:
		return Bad
	case api.JobRetrying, api.JobCancelled, api.JobInterrupted:
		return Warn
	}
	return Plain
}

// FormatJob returns everything that is known about a job but its result.
func FormatJob(j api.Job, now time.Time, l Layout) string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return TimeAndAge(t, now)
	}
	due := ""
	if j.State == api.JobQueued || j.State == api.JobRetrying {
		due = LocalTime(j.Due)
	}
	fields := Fields("job", j.ID, "kind", j.Kind, "device", j.Device, "name", j.Name, "site", j.Site, "state", j.State, "by", j.By, "added", at(j.Created), "due", due,
		"started", at(j.Started), "ended", at(j.Ended), "attempts", strconv.Itoa(j.Attempts), "cause", string(j.Cause))
	for i := range fields {
		if fields[i].Name == "state" {
			fields[i].Value.Tone = toneOfJob(j.State)
		}
	}
	fields = slices.DeleteFunc(fields, func(f Field) bool { return f.Value.Text == "" })
	var b strings.Builder
	b.WriteString(FormatFields(fields, l))
	if j.Message != "" {
		fmt.Fprintf(&b, "\n%s", l.Prose("", OneLine(j.Message)))
	}
	if j.Hint != "" && j.State != api.JobDone {
		b.WriteString(l.Prose("", "next: "+Printable(j.Hint)))
	}
	return b.String()
}
