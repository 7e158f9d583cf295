package api

// Named names one thing: a device, a snapshot, an image.
type Named struct {
	Name string `json:"name"`
}

// Content is one file in the vault under the name that an export gives it.
type Content struct {
	Name   string `json:"name"` // below the directory of the export
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"` // bytes
	// Snapshot is one that has it, for those who may read only some; else empty.
	Snapshot string `json:"snapshot,omitempty"`
}

// Found is the content that a name means.
type Found struct {
	Files []Content `json:"files"`
	// Of a snapshot that is not complete: the files that were asked for, and that
	// the vault does not have. Each has its cause.
	Missing  []File `json:"missing,omitempty"`
	Snapshot string `json:"snapshot,omitempty"` // of Missing
	Device   string `json:"device,omitempty"`   // of Missing
	// Complete is the newest complete snapshot of Device that has such files; nil:
	// there is none.
	Complete *SnapshotRow `json:"complete,omitempty"`
}

// Names asks for names of one kind, for completion.
type Names struct {
	Kind string `json:"kind"`
	Of   string `json:"of,omitempty"` // only the snapshots of this device, or the files of this snapshot or device
	// Prefix leaves out snapshots whose IDs do not begin with it. Of the others, at most
	// the newest MostSnapshots are listed.
	Prefix string `json:"prefix,omitempty"`
}

// MostSnapshots is how many snapshots Names lists. A fleet has millions.
const MostSnapshots = 1000

// The kinds of names for completion.
const (
	NamesOfDevices     = "devices"
	NamesOfGroups      = "groups"
	NamesOfSites       = "sites"
	NamesOfCredentials = "credentials"
	NamesOfSnapshots   = "snapshots"
	NamesOfImages      = "images"  // in the vault
	NamesOfFiles       = "files"   // whole paths
	NamesOfTargets     = "targets" // of notifications
)

// Doctor asks what would make a backup fail.
type Doctor struct {
	Device string `json:"device,omitempty"` // empty: this host alone, unless All
	All    bool   `json:"all,omitempty"`    // the paths to all devices
	Again  string `json:"again,omitempty"`  // the line that a person types to look again with more rights
}

// Firewall asks for the rules of a packet filter.
type Firewall struct {
	Format string `json:"format"` // nft, iptables, ufw
}

// FirewallRules are the rules, as a program of the packet filter's own
// language.
type FirewallRules struct {
	Format  string   `json:"format"`
	Rules   string   `json:"rules"`
	LeftOut []string `json:"left_out,omitempty"` // devices without an address, each with the reason
}
