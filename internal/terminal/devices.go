package terminal

import (
	"fmt"
	"slices"
	"time"

	"flashwarden/api"
)

// deviceColumns are the columns of device list.
var deviceColumns = []Column{{Head: "NAME", Keep: true}, {Head: "ADDRESS", Keep: true}, {Head: "MODEL", Spare: true}, {Head: "VERSION"},
	{Head: "LAST BACKUP", Keep: true}, {Head: "LAST FAILURE"}, {Head: "FAILED", Spare: true}, {Head: "SITE", Spare: true}, {Head: "GROUP", Spare: true}, {Head: "VIA", Spare: true},
	{Head: "TRANSPORT", Wide: true}, {Head: "USERNAME", Wide: true}, {Head: "CREDENTIAL", Wide: true}, {Head: "KEY", Wide: true}}

// Devices returns the table of device list.
func Devices(devices []api.DeviceRow, now time.Time) Table {
	table := Table{Columns: deviceColumns}
	for _, d := range devices {
		row := Texts(d.Name, d.Address, d.Model, d.Version, lastBackup(d.Known, now), lastFailure(d), failed(d, now), d.Site, d.Group, d.Via,
			d.Transport, d.Username, d.Credential, d.Fingerprint)
		row[4].Tone, row[5].Tone, row[6].Tone = backupTone(d.Protected), Warn, failureTone(d.LastFails)
		table.Rows = append(table.Rows, row)
	}
	return table
}

func backupTone(protected bool) Tone {
	if protected {
		return Plain
	}
	return Bad
}

func failureTone(lastFails bool) Tone {
	if lastFails {
		return Warn
	}
	return Faint
}

// lastBackup says how long ago the last complete backup was.
func lastBackup(k api.Known, now time.Time) string {
	if k.LastBackup == nil {
		return "never"
	}
	return Ago(*k.LastBackup, now)
}

// lastFailure says why the last backup failed, if it did, in the words of status.
func lastFailure(d api.DeviceRow) string {
	switch {
	case !d.LastFails || d.LastFailure == nil:
		return ""
	case d.LastFailure.Cause == "":
		return d.LastFailure.Status
	}
	return CauseWords(d.LastFailure.Cause)
}

// failed says how long ago the last backup was, if it failed.
func failed(d api.DeviceRow, now time.Time) string {
	if lastFailure(d) == "" {
		return ""
	}
	return Ago(d.LastFailure.Started, now)
}

// DeviceFields are the fields of device show: the settings of a device that are not
// empty, and its backups.
func DeviceFields(d api.DeviceDetail, now time.Time) []Field {
	yes := map[bool]string{true: "yes", false: "no"}
	list := Fields("name", d.Name, "address", d.Address, "transport", d.Transport, "host key", d.HostKeys, "username", d.Username, "credential", d.Credential,
		"password", yes[d.Password], "enable password", yes[d.EnablePassword], "key", d.Fingerprint,
		"via", d.Via, "via password", viaPassword(d), "via key", d.ViaFingerprint, "legacy crypto", yes[d.LegacyCrypto],
		"site", d.Site, "group", d.Group, "tftp address", d.TFTPAddress, "vrf", d.VRF, "files", d.Files, "copy by", copyBy(d))
	list = append(list, backupFields(d, now)...)
	return slices.DeleteFunc(list, func(f Field) bool { return f.Value.Text == "" })
}

// copyBy says how files are copied, and what auto has found.
func copyBy(d api.DeviceDetail) string {
	if d.CopyWay.Way == "" || d.CopyBy != "" && d.CopyBy != api.CopyAuto {
		return d.CopyBy
	}
	text := api.CopyAuto + ": " + d.CopyWay.Way
	if d.CopyWay.Reason != "" {
		text += ", because " + d.CopyWay.Reason
	}
	return text
}

// viaPassword says whether the password of the jump host is stored; empty without
// a jump host.
func viaPassword(d api.DeviceDetail) string {
	switch {
	case d.Via == "":
		return ""
	case d.ViaPassword:
		return "yes"
	}
	return "no"
}

// backupFields are the fields about the backups of a device.
func backupFields(d api.DeviceDetail, now time.Time) []Field {
	protected := Cell{Text: StatusText("yes", len(d.Status.Warnings)), Tone: Good}
	if len(d.Status.Warnings) > 0 {
		protected.Tone = Warn
	}
	if d.Status.LastFails {
		protected = Cell{Text: protected.Text + ", but the last backup failed", Tone: Warn}
	}
	if !d.Status.Protected {
		protected = Cell{Text: "no", Tone: Bad}
	}
	list := []Field{{Name: "protected", Value: protected}}
	for _, r := range d.Status.Reasons {
		list = append(list, Field{Name: "at risk", Value: Cell{Text: r.Message}}, Field{Name: "next", Value: Cell{Text: r.Hint}})
	}
	for _, w := range d.Status.Warnings {
		list = append(list, Field{Name: "warning", Value: Cell{Text: w}})
	}
	backup := "never"
	if d.Status.LastBackup != nil {
		backup = fmt.Sprintf("%s, %s", TimeAndAge(*d.Status.LastBackup, now), d.Status.LastSnapshot)
	}
	list = append(list, Fields("model", d.Status.Model, "version", d.Status.Version, "image", d.Status.Image, "last backup", backup)...)
	if d.Status.LastLook != nil {
		list = append(list, Fields("last look", TimeAndAge(*d.Status.LastLook, now)+": unchanged since the last backup")...)
	}
	if f := d.Status.LastFailure; f != nil {
		list = append(list, Fields("last failure", runLine(*f, now))...)
		if d.Status.Protected && d.Status.LastFails { // else a reason has both, or a later backup succeeded
			list = append(list, Fields("message", f.Message, "next", f.Hint)...)
		}
	}
	for _, r := range d.Runs {
		text := runLine(r, now)
		if r.Kind == api.RunRestore && !r.Succeeded() && r.Message != "" {
			text += "\n" + r.Message
		}
		list = append(list, Fields(r.Kind, text)...)
	}
	return list
}

// runLine says when a run was and how it ended: ok, 18.3 MB copied in 2 min; unchanged,
// looked for 9 s; failed after 40 s: no_request.
func runLine(r api.Run, now time.Time) string {
	text := TimeAndAge(r.Started, now) + ": " + endWord(r.Status, r.Cause)
	if r.Ended.IsZero() || r.Status == api.StatusInterrupted {
		return text
	}
	took := Duration(r.Ended.Sub(r.Started))
	switch {
	case r.Status == api.StatusUnchanged:
		return fmt.Sprintf("%s, looked for %s", text, took)
	case r.Succeeded():
		return fmt.Sprintf("%s, %s copied in %s", text, Bytes(r.BytesCopied), took)
	case r.Cause == "" || r.Cause == api.Cancelled:
		return text + " after " + took
	}
	return fmt.Sprintf("%s after %s: %s", text, took, CauseWords(r.Cause))
}
