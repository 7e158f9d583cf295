package backup

import (
	"flashwarden/api"
	"flashwarden/internal/ios"
)

// Facts is what a device says of itself as snapshots and results keep it.
func Facts(f ios.Facts) api.Facts {
	return api.Facts{Hostname: f.Hostname, OS: f.OS, Version: f.Version, Model: f.Model,
		Serial: f.Serial, Mode: f.Mode, Image: f.Image}
}
