//go:build linux

package tftp

import "os"

// Disk and DiskFile let the tests replace the disk of a Dir.
type (
	Disk     = disk
	DiskFile = diskFile
)

// SetDisk replaces the disk of a Dir.
func (d *Dir) SetDisk(wrap func(*os.Root) Disk) { d.wrap = wrap }

// TempPrefix begins the names of incomplete uploads.
const TempPrefix = tempPrefix
