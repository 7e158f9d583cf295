package ios

import (
	"strings"

	"flashwarden/internal/lazyregexp"
)

// InventoryItem is one part of a device, from show inventory. A field that the
// device leaves blank is empty.
type InventoryItem struct {
	Name        string
	Description string
	PID         string // product identifier: WS-C3750X-24S-E
	VID         string // version identifier: V04
	SN          string // serial number
}

var (
	// NAME: "1", DESCR: "WS-C3750X-24S"; NX-OS omits the quotes for
	// transceivers.
	inventoryName = lazyregexp.New(`(?i)^NAME: *(?:"(.*?)"|([^",]+?)) *, *DESCR: *(?:"(.*?)"?|([^"]*))$`)
	inventoryPID  = lazyregexp.New(`^PID: *(.*?) *, *VID: *(.*?) *, *SN: *(.*)$`)
)

// ParseInventory reads show inventory. Output without an item is an error.
func ParseInventory(text string) ([]InventoryItem, error) {
	var items []InventoryItem
	var item InventoryItem
	for _, line := range linesOf(text) {
		line = strings.TrimSpace(line)
		if m := inventoryName.FindStringSubmatch(line); m != nil {
			item = InventoryItem{Name: strings.TrimSpace(m[1] + m[2]), Description: strings.TrimSpace(m[3] + m[4])}
		} else if m := inventoryPID.FindStringSubmatch(line); m != nil {
			item.PID, item.VID, item.SN = m[1], m[2], m[3]
			items = append(items, item)
			item = InventoryItem{}
		}
	}
	if len(items) == 0 {
		return nil, nothingRead("show inventory", "item", text)
	}
	return items, nil
}
