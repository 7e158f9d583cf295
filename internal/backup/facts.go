package backup

import (
	"flashwarden/internal/ios"
	"flashwarden/internal/vault"
)

// Facts is what a device says of itself as snapshots and results keep it.
func Facts(f ios.Facts) vault.Facts {
	return vault.Facts{Hostname: f.Hostname, OS: f.OS, Version: f.Version, Model: f.Model,
		Serial: f.Serial, Mode: f.Mode, Image: f.Image}
}
