package api

import (
	"strings"
	"time"
)

// Day is the fleet and the vault in numbers, as they were last on one day.
type Day struct {
	Date      string `json:"date"`      // 2026-11-29, UTC
	Devices   int64  `json:"devices"`   // of the inventory
	Protected int64  `json:"protected"` // of Devices
	Snapshots int64  `json:"snapshots"` // in the vault
	Contents  int64  `json:"contents"`  // in the vault, each once
	Bytes     int64  `json:"bytes"`     // of Contents
}

// DaySelect asks for the numbers of the newest days.
type DaySelect struct {
	Days int `json:"days"` // 0: 90
}

// DeviceHistory is a device over time.
type DeviceHistory struct {
	FlashUse []FlashUse `json:"flash_use"` // of the last year, by file system and then the oldest first
	Runs     []Run      `json:"runs"`      // the newest ones, newest first
}

// FlashUse is how full a file system of a device was at one backup. Sizes are in bytes.
type FlashUse struct {
	FileSystem string    `json:"file_system"` // flash:
	At         time.Time `json:"at"`          // UTC, whole seconds
	Total      int64     `json:"total_bytes"`
	Free       int64     `json:"free_bytes"`
}

// Used is the space that is taken.
func (u FlashUse) Used() int64 { return u.Total - u.Free }

// FlashUses returns how full the file systems of a device were at a backup, in the order of its
// listings. One whose size the device did not print is left out.
func FlashUses(s Snapshot) (all []FlashUse) {
	seen := map[string]bool{}
	for _, l := range s.Listings {
		name, _, _ := strings.Cut(l.Path, ":")
		if l.Total > 0 && l.Free >= 0 && !seen[name] {
			seen[name] = true
			all = append(all, FlashUse{FileSystem: name + ":", At: s.Started, Total: l.Total, Free: l.Free})
		}
	}
	return all
}
