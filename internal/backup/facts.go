package backup

import (
	"flashwarden/api"
	"flashwarden/internal/ios"
)

// Facts returns the facts of a device as snapshots and results keep them.
func Facts(f ios.Facts) api.Facts { return f.API() }
