package main

import (
	"flashwarden/api"
)

// printDeviceRows prints devices with what is known of each.
func printDeviceRows(o *output, rows []api.DeviceRow) error {
	if o.json {
		return writeJSON(o, map[string]any{"devices": append([]api.DeviceRow{}, rows...)})
	}
	devices := make([]api.Device, 0, len(rows))
	for _, r := range rows {
		devices = append(devices, r.Device)
	}
	return printDevices(o, devices)
}
