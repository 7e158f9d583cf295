// Package ios knows the output and the questions of Cisco IOS and IOS-XE, as
// pure functions: text in, facts out. It never guesses: text that it cannot
// read is an error that quotes the line.
package ios

// Facts identifies a device and its running software, from show version and
// show boot. Strings are verbatim.
type Facts struct {
	Hostname     string
	OS           string   // "ios" or "iosxe"
	Version      string   // 15.0(2)SE8, 17.09.04a
	Model        string   // "Model number", else the "cisco X" line
	Serial       string   // "System serial number", else "Processor board ID"
	Serials      []string // all serial numbers that show version prints: those of a stack's members too
	Mode         string   // "bundle" or "install"
	Image        string   // the system image file, with its file system: flash:/x.bin
	BootPath     string   // the path of the next start, from show boot; may be empty
	Register     string   // the config-register, "0x2102"; empty if show version does not print it
	NextRegister string   // the config-register for the next start, where it differs: "0x2142"
	ConfigFile   string   // classic switches: flash:/config.text; may be empty
	PrivateFile  string   // classic switches: flash:/private-config.text; may be empty
	ManualBoot   string   // Manual Boot of show boot: "yes" or "no"; empty if it does not say

	Install []InstallLocation // show install summary of a device in install mode; empty if it does not show it

	Members []Member      // rows of show version for a stack; empty for a single switch
	Starts  []Start       // boot settings of the other units, if show boot prints them
	Stack   []StackSwitch // rows of show switch; empty without a stack
}

// Start is how one unit of a stack or a pair of supervisors starts.
type Start struct {
	Unit string // the name in show boot: "switch 2", "standby"
	Path string // value of BOOT, verbatim; may be empty

	ManualBoot             string // as in Facts
	Register, NextRegister string // the config-register, and that of the next start where it differs; empty if show boot does not print it
}

// Listing is one directory of one file system, as printed.
type Listing struct {
	FileSystem string  // with its colon: "flash:"
	Path       string  // as printed, with the file system: "flash:/", "flash:/html"
	Entries    []Entry // in the order printed
	Total      int64   // bytes of the file system; -1 when not printed
	Free       int64   // bytes free; -1 when not printed; can be negative on odd cards
	Used       int64   // bytes used; -1 when not printed

	// Unread has the lines of the listing that could not be read, quoted. A file
	// in such a line is missing from Entries.
	Unread []string

	// Table is the device's show file systems. It says which names belong to
	// one file system, and it is the same in every listing of one look. Nil
	// means unknown.
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

// EntryType distinguishes files from directories.
type EntryType int

// The types. A format without a permission column gives TypeUnknown.
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
	Default  bool     // the row with the mark *
}

// Digest is a digest that a device computed over one of its files.
type Digest struct {
	Path   string // the file, as the device prints it
	MD5    string // 32 lower-case hex digits; may be empty
	SHA512 string // 128 lower-case hex digits; may be empty
}

// Verification is the outcome of asking a device for a digest of one of its
// files.
type Verification struct {
	Digest           // empty if the device computes none
	Damaged string   // the device's words about a damaged image; otherwise empty
	Tried   []string // each command that was tried, and its outcome: "verify /md5: …"
}
