package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// deviceColumns are the columns of device list.
var deviceColumns = []terminal.Column{{Head: "NAME", Keep: true}, {Head: "ADDRESS", Keep: true}, {Head: "MODEL"}, {Head: "VERSION"},
	{Head: "LAST BACKUP"}, {Head: "LAST FAILURE"}, {Head: "SITE", Spare: true}, {Head: "GROUP", Spare: true}, {Head: "VIA", Spare: true},
	{Head: "TRANSPORT", Wide: true}, {Head: "USERNAME", Wide: true}, {Head: "KEY", Wide: true}}

// printDevices prints devices with the facts from its backups.
func printDevices(o *output, devices []api.DeviceRow, now time.Time) error {
	slices.SortFunc(devices, func(a, b api.DeviceRow) int { return terminal.Compare(a.Name, b.Name) })
	if o.json {
		return writeJSON(o, map[string]any{"devices": append([]api.DeviceRow{}, devices...)})
	}
	if len(devices) == 0 {
		fmt.Fprintln(o.err, "No devices match. Add one: `flashwarden device add NAME --address HOST --username USER`")
		return nil
	}
	return o.page(tableOfDevices(devices, now).Format(o.layout()))
}

func tableOfDevices(devices []api.DeviceRow, now time.Time) terminal.Table {
	table := terminal.Table{Columns: deviceColumns}
	for _, d := range devices {
		row := cells(d.Name, d.Address, d.Model, d.Version, lastBackup(d.Known, now), lastFailure(d.Known, now), d.Site, d.Group, d.Via,
			d.Transport, d.Username, d.Fingerprint)
		row[4].Tone, row[5].Tone = backupTone(d.Protected), failureTone(d.LastFails)
		table.Rows = append(table.Rows, row)
	}
	return table
}

func backupTone(protected bool) terminal.Tone {
	if protected {
		return terminal.Plain
	}
	return terminal.Bad
}

func failureTone(lastFails bool) terminal.Tone {
	if lastFails {
		return terminal.Warn
	}
	return terminal.Faint
}

// lastBackup says how long ago the last complete backup was.
func lastBackup(k api.Known, now time.Time) string {
	if k.LastBackup == nil {
		return "never"
	}
	return terminal.Ago(*k.LastBackup, now)
}

// lastFailure names the cause of the last failed backup, and says how long ago
// it was: no_request 3 hours ago. It is empty if none has failed.
func lastFailure(k api.Known, now time.Time) string {
	if k.LastFailure == nil {
		return ""
	}
	return cmp.Or(string(k.LastFailure.Cause), k.LastFailure.Status) + " " + terminal.Ago(k.LastFailure.Started, now)
}

// knownFields are the fields of device show about the backups of a device.
func knownFields(d api.DeviceDetail, now time.Time) []terminal.Field {
	protected := terminal.Cell{Text: "yes", Tone: terminal.Good}
	if !d.Status.Protected {
		protected = terminal.Cell{Text: "no", Tone: terminal.Bad}
	}
	list := []terminal.Field{{Name: "protected", Value: protected}}
	for _, r := range d.Status.Reasons {
		list = append(list, terminal.Field{Name: "at risk", Value: terminal.Cell{Text: r.Message}}, terminal.Field{Name: "next", Value: terminal.Cell{Text: r.Hint}})
	}
	backup := "never"
	if d.Status.LastBackup != nil {
		backup = fmt.Sprintf("%s, %s", ago(*d.Status.LastBackup, now), d.Status.LastSnapshot)
	}
	list = append(list, fields("model", d.Status.Model, "version", d.Status.Version, "image", d.Status.Image, "last backup", backup)...)
	if f := d.Status.LastFailure; f != nil {
		list = append(list, fields("last failure", ago(f.Started, now)+": "+runText(*f))...)
	}
	for _, r := range d.Runs {
		list = append(list, fields(r.Kind, ago(r.Started, now)+": "+runText(r))...)
	}
	return list
}

// runText is how a run ended: ok; failed (no_request): the message.
func runText(r api.Run) string {
	text := r.Status
	if r.Cause != "" {
		text += fmt.Sprintf(" (%s)", r.Cause)
	}
	if r.Message != "" {
		text += ": " + r.Message
	}
	return text
}
