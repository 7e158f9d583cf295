// Package ios knows what Cisco IOS and IOS-XE print and ask, as pure
// functions: text in, facts out. It never guesses: what it cannot read is an
// error that quotes the line.
package ios

// Facts is what identifies a device and its running software, from show
// version and show boot. Strings are verbatim as the device prints them.
type Facts struct {
	Hostname   string
	OS         string // "ios" or "iosxe"
	Version    string // 15.0(2)SE8, 17.09.04a
	Model      string // "Model number", else the "cisco X" line
	Serial     string // "System serial number", else "Processor board ID"
	Mode       string // "bundle" or "install"
	Image      string // the system image file, with its file system: flash:/x.bin
	BootPath   string // what show boot names for the next start; may be empty
	ConfigFile string // classic switches: flash:/config.text; may be empty

	Members []Member      // of a stack, the rows of show version; empty where there is one switch alone
	Starts  []Start       // what the other units start from, where show boot tells
	Stack   []StackSwitch // of show switch; empty where there is none
}

// Start is what one unit of a stack or a pair of supervisors starts from next.
type Start struct {
	Unit string // as show boot names it: "switch 2", "standby"
	Path string // of BOOT, verbatim; empty where it names nothing
}

// Listing is one directory of one file system, as printed.
type Listing struct {
	FileSystem string  // with its colon: "flash:"
	Path       string  // as printed, with the file system: "flash:/", "flash:/html"
	Entries    []Entry // in the order printed
	Total      int64   // bytes of the file system; -1 when not printed
	Free       int64   // bytes free; -1 when not printed; can be negative on odd cards
	Used       int64   // bytes used; -1 when not printed

	// Table is show file systems of the device, the same in every listing of one
	// look: it says which names are one file system. Nil where it is not known.
	Table []FileSystem
}

// Entry is one line of a listing.
type Entry struct {
	Index       int    // the device's own number; -1 when not printed
	Name        string // as printed, without the directory
	Size        int64  // bytes; -1 when not printed
	Type        EntryType
	Permissions string // "-rwx", "drwx"; empty when the format has none
	Modified    string // verbatim date; empty when there is none
	Deleted     bool   // marked deleted but not yet squeezed (class A and B file systems)
}

// EntryType tells a file from a directory.
type EntryType int

// What an entry is. Formats without a permission column cannot tell.
const (
	TypeUnknown EntryType = iota
	TypeFile
	TypeDirectory
)

// FileSystem is one row of show file systems.
type FileSystem struct {
	Prefixes []string // every alias, with colon: "flash:", "flash1:"
	Size     int64    // bytes; -1 for "-"
	Free     int64    // bytes; -1 for "-"
	Type     string   // flash, disk, nvram, network, opaque, usbflash, …
	Flags    string   // rw, ro, wo
	Default  bool     // the row with *
}

// Digest is what a device computed over one of its files.
type Digest struct {
	Path   string // the file as the device names it
	MD5    string // 32 lower-case hex digits; empty when the device gave none
	SHA512 string // 128 lower-case hex digits; empty when the device gave none
}

// Verification is what came of asking a device for a digest of one of its
// files.
type Verification struct {
	Digest           // empty where the device computes none
	Damaged string   // what the device says where it finds the image itself damaged; else empty
	Tried   []string // each command that was tried, and what came of it: "verify /md5: …"
}
