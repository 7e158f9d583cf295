package api

import "time"

// Measures is the state of the fleet and of the vault in numbers, for programs that watch
// the service.
type Measures struct {
	Ready   bool // the vault is that of the catalog, and can be read; else no device is protected
	Summary StatusSummary
	Devices []DeviceMeasure  // in no order; empty if the configuration wants none
	Care    []Care           // of the vault
	Jobs    map[string]int64 // by state, those that are still known

	Snapshots, Contents, Bytes int64 // in the vault, by its index; each content once
}

// DeviceMeasure is one device in numbers.
type DeviceMeasure struct {
	Device      string
	Protected   bool
	LastSuccess time.Time // when its newest complete backup began, or a look that confirmed it; zero: never
}
