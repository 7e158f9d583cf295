package api

// Inventory is a list of devices that another program or a person keeps, to bring
// into the inventory.
type Inventory struct {
	Entries []InventoryEntry `json:"entries"`
	Others  []string         `json:"others"` // names that the list has, and that are not imported; Prune keeps them
	New     DeviceChange     `json:"new"`    // settings and secrets of new devices that the list does not have
	Prune   bool             `json:"prune"`  // remove the devices that came from Source and that the list does not have
	DryRun  bool             `json:"dry_run"`

	Source string `json:"source,omitempty"` // the path or URL of the list, which new devices keep; "-": standard input
	// Own changes only devices that came from Source: what somebody added by
	// hand, or another list, comes first.
	Own bool `json:"own,omitempty"`
}

// InventoryEntry is one device of the list. Settings that it does not have stay as
// they are.
type InventoryEntry struct {
	Name           string          `json:"name"`
	Line           int             `json:"line"`     // of the list, from 1
	Settings       []DeviceSetting `json:"settings"` // none is empty
	Password       *string         `json:"password,omitempty"`
	EnablePassword *string         `json:"enable_password,omitempty"`
}

// DeviceSetting is one setting of a device, under the name of its JSON field.
type DeviceSetting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// The changes of an import.
const (
	InventoryAdded   = "added"
	InventoryChanged = "changed"
	InventoryRemoved = "removed"
	InventoryExtra   = "not_in_the_list"  // the device stays
	InventoryKept    = "not_of_this_list" // somebody added the device by hand, or another list did: it stays as it is
)

// InventoryDiff is how an import changes the inventory.
type InventoryDiff struct {
	Changes   []InventoryChange `json:"changes"`   // by name
	Unchanged int               `json:"unchanged"` // devices
	DryRun    bool              `json:"dry_run"`   // nothing was changed
}

// InventoryChange is the change of one device.
type InventoryChange struct {
	Device   string          `json:"device"`
	Change   string          `json:"change"`             // InventoryAdded, …
	Settings []SettingChange `json:"settings,omitempty"` // of an added or changed device
}

// SettingChange is a setting with its old and new value. Secrets have neither.
type SettingChange struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
}
