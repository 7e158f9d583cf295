package terminal

import (
	"cmp"
	"fmt"
	"strings"

	"flashwarden/api"
)

// Missing is the part of an export that the snapshot does not have, for people.
type Missing struct {
	api.Found
	File string // that was asked for; empty: the whole snapshot
	Dir  string // of the export
	Tar  bool   // into an archive
}

// Format names the files that are missing, each with its cause, and the next step.
func (m Missing) Format() string {
	var b strings.Builder
	verb := "is"
	if len(m.Missing) > 1 {
		verb = "are"
	}
	fmt.Fprintf(&b, "%s: snapshot %s is incomplete; %s %s missing:\n", m.Device, m.Snapshot, Count(len(m.Missing), "file"), verb)
	for _, f := range m.Missing {
		fmt.Fprintf(&b, "  %s (%s)\n", OneLine(f.Path), cmp.Or(f.Cause, "internal"))
	}
	return b.String() + "  next: " + m.Next().String()
}

// Next is the next step: to export the newest complete snapshot, else to make one.
func (m Missing) Next() api.Fix {
	if m.Complete == nil {
		return api.Say("no complete snapshot of %s has them; make one: ", m.Device).Do("backup", m.Device)
	}
	name := m.Complete.ID
	if m.File != "" {
		name += ":" + m.File
	}
	fix := api.Say("export the newest complete snapshot, of %s: ", LocalTime(m.Complete.Started)).Do("export", name).With("output", m.Dir)
	if m.Tar {
		fix = fix.With("tar", "")
	}
	return fix
}
