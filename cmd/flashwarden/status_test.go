package main

import (
	"context"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

// largeFleet is a fleet of so many devices, all at risk. It counts how often its inventory is read.
type largeFleet struct {
	warden.Warden
	devices, read int
}

func (f *largeFleet) Status(context.Context, api.StatusQuery) (api.Status, error) {
	s := api.Status{Summary: api.StatusSummary{Devices: f.devices, AtRisk: f.devices}}
	for _, name := range []string{"sw1", "sw2"} {
		s.Devices = append(s.Devices, api.DeviceStatus{Device: name, Reasons: []api.Reason{{Message: "No backup yet", Hint: api.Do("backup", name).String()}}})
	}
	return s, nil
}

func (f *largeFleet) Devices(context.Context, api.Select) ([]api.DeviceRow, error) {
	f.read++
	return nil, nil
}

// TestStatusOfLargeFleet reads the inventory of a small fleet for its next steps, and not that
// of a large one.
func TestStatusOfLargeFleet(t *testing.T) {
	for devices, want := range map[int]int{40: 1, 10_000: 0} {
		f := &largeFleet{devices: devices}
		p := &program{output: output{out: t.Output(), err: terminal.NewScreen(t.Output(), nil)}}
		_ = runStatus(t.Context(), p, f, api.Select{}) // devices are at risk
		if f.read != want {
			t.Errorf("%d devices: the inventory was read %d times, want %d", devices, f.read, want)
		}
	}
}
