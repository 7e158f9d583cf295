package tftp

import (
	"fmt"
	"strconv"
	"strings"
)

// PortRange is an inclusive range of UDP ports. As the range of a server's
// transfer IDs (RFC 1350 section 4), the zero value lets the system choose.
type PortRange struct{ First, Last uint16 }

// ParsePortRange reads FIRST:LAST, such as 1056:1059. Both are decimal ports
// from 1 to 65535, and FIRST is at most LAST; anything else is an error.
func ParsePortRange(s string) (PortRange, error) {
	first, last, found := strings.Cut(s, ":")
	a, errA := strconv.ParseUint(first, 10, 16)
	b, errB := strconv.ParseUint(last, 10, 16)
	if !found || errA != nil || errB != nil || a == 0 || a > b {
		return PortRange{}, fmt.Errorf("%q is not a port range: write FIRST:LAST, two ports from 1 to 65535 in ascending order, such as 1056:1059", s)
	}
	return PortRange{First: uint16(a), Last: uint16(b)}, nil
}

// size returns the number of ports.
func (r PortRange) size() int { return int(r.Last) - int(r.First) + 1 }

// String returns the range as ParsePortRange reads it: "1056:1059".
func (r PortRange) String() string { return fmt.Sprintf("%d:%d", r.First, r.Last) }
