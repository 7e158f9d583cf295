// Package doctor finds what would make a backup fail before one does: on this
// host, and on the path to a device. It looks, and says what to type; it
// changes nothing.
//
// Reading is kept apart from judging: a reading is a value, and every check
// is a function from such a value to what it finds.
package doctor

import "net/netip"

// Target is a device of the inventory with one of its addresses.
type Target struct {
	Name    string
	Address netip.Addr
	Told    netip.Addr // our address in the inventory or the configuration, which it copies to; invalid: the address of the route
}
