package api

import "time"

// Status is the fleet at a glance.
type Status struct {
	Devices []DeviceStatus `json:"devices"` // those at risk first, then those whose last backup failed; by name within each
	Care    []Care         `json:"care"`    // of the vault, if all devices were asked for: what the service does, or somebody has done
	Summary StatusSummary  `json:"summary"`
}

// StatusQuery asks for the status of devices.
type StatusQuery struct {
	Select
	// Brief leaves out the devices that need no attention. Of those that are at risk for the
	// same reasons it has only the first MostNamed. Names are always answered in full.
	Brief bool `json:"brief,omitempty"`
}

// MostNamed is how many devices with the same problem are named for people.
const MostNamed = 50

// Care is one task that keeps the vault in order. Times are UTC; null: there is none.
type Care struct {
	Task        string     `json:"task"`         // JobPrune, JobCheck, JobMirror
	Name        string     `json:"name"`         // of the mirror
	LastRun     *time.Time `json:"last_run"`     // when the newest run began
	LastSuccess *time.Time `json:"last_success"` // when the newest run began that found and left everything in order
	NextRun     *time.Time `json:"next_run"`     // null: no service runs, or never
	NextWhy     string     `json:"next_why"`     // the schedule, or why the next run is earlier
	Failed      bool       `json:"failed"`       // the newest run failed, or found problems
	LateSince   *time.Time `json:"late_since"`   // since when a run is due that has not begun, if that is long ago

	// Of a run that failed; the hint also of one that is late.
	Cause   Cause  `json:"cause"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// DeviceStatus says whether one device is protected, and if not, why.
type DeviceStatus struct {
	Device    string     `json:"device"`
	Site      string     `json:"site"`
	Group     string     `json:"group"`
	Protected bool       `json:"protected"`
	Reasons   []Reason   `json:"reasons"`        // why it is at risk, the most important first; empty: it is protected
	NextRun   *time.Time `json:"next_run"`       // UTC; null: nothing is scheduled, or no service runs
	NextWhy   string     `json:"next_why"`       // the schedule, or why the next backup is earlier or later
	Running   bool       `json:"running"`        // a backup of it runs now
	LastFails bool       `json:"last_fails"`     // its newest backup that ended did not succeed
	Warnings  []string   `json:"warnings"`       // of its newest backup in the vault: what needs attention, and is no risk for the backup
	More      int        `json:"more,omitempty"` // so many further devices are in the same state, and left out because the query is brief
	Known
}

// Known holds the facts about a device from its backups. Times are UTC; null: there
// is none.
type Known struct {
	Model        string     `json:"model"`
	Version      string     `json:"version"`
	Image        string     `json:"image"`         // that it ran when it was last seen
	LastSnapshot string     `json:"last_snapshot"` // its newest complete backup; empty: none
	LastBackup   *time.Time `json:"last_backup"`   // when that began
	LastLook     *time.Time `json:"last_look"`     // when a look last confirmed it
	Proved       *time.Time `json:"proved"`        // since when all its content has been read and compared at least once
	LastFailure  *Run       `json:"last_failure"`  // the newest backup that ended and did not succeed
}

// DeviceRow is one device of the inventory with the facts from its backups.
type DeviceRow struct {
	Device
	Known
	Protected bool `json:"protected"`
	LastFails bool `json:"last_fails"` // its newest backup that ended did not succeed
}

// FailedBy is the cause of the newest backup that ended; empty if it succeeded, or if
// there is none.
func (d DeviceRow) FailedBy() Cause {
	if !d.LastFails || d.LastFailure == nil {
		return ""
	}
	return d.LastFailure.Cause
}

// The reasons why a device is at risk.
const (
	RiskNever      = "never"         // there is no backup
	RiskIncomplete = "incomplete"    // there is no complete backup
	RiskOld        = "old"           // the newest complete backup is too old
	RiskFuture     = "future"        // the newest complete backup is dated in the future
	RiskImage      = "image"         // the newest complete backup does not have the image that the device runs
	RiskImageBad   = "image_damaged" // the running image in the newest complete backup fails its own checksums
	RiskDamaged    = "damaged"       // content of that backup is damaged or missing
	RiskUnproved   = "not_proved"    // content of that backup was not read for too long
	RiskMirror     = "not_mirrored"  // a mirror of the configuration does not have that backup
)

// Reason is one reason why a device is at risk.
type Reason struct {
	Reason  string `json:"reason"` // RiskNever, …
	Cause   Cause  `json:"cause"`  // of the last backup, if it failed since
	Message string `json:"message"`
	Hint    string `json:"hint"` // Fix for the command line
	Fix     Fix    `json:"fix"`
}

// StatusSummary counts devices.
type StatusSummary struct {
	Devices   int `json:"devices"`
	Protected int `json:"protected"`
	AtRisk    int `json:"at_risk"`
	Failed    int `json:"failed"`  // whose last backup failed, protected or not
	Running   int `json:"running"` // that are being backed up now

	NextRun    *time.Time `json:"next_run"`    // the first of the next backups, UTC; null: nothing is scheduled, or no service runs
	NextDevice string     `json:"next_device"` // of which device that is
	CareFailed int        `json:"care_failed"` // tasks of the vault whose newest run failed
	CareLate   int        `json:"care_late"`   // tasks of the vault that are late
}
