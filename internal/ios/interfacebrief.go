package ios

import (
	"strings"

	"flashwarden/internal/lazyregexp"
)

// Interface is one row of show ip interface brief.
type Interface struct {
	Name     string
	Address  string // IPv4 address; empty for "unassigned"
	OK       string // "YES", "NO"
	Method   string // NVRAM, manual, DHCP, TFTP, unset, …
	Status   string // "up", "down", "administratively down", "deleted"
	Protocol string // "up", "down"
}

// GigabitEthernet0/0     10.76.119.164   YES NVRAM  administratively down down
var interfaceRow = lazyregexp.New(`^(\S+) +(unassigned|\d+\.\d+\.\d+\.\d+) +(YES|NO) +(\S+) +(\S.*?) +(up|down)$`)

// ParseInterfaceBrief reads show ip interface brief: the addresses from which a
// device may send. Output without an interface is an error.
func ParseInterfaceBrief(text string) ([]Interface, error) {
	var interfaces []Interface
	for _, line := range linesOf(text) {
		row := interfaceRow.FindStringSubmatch(strings.TrimSpace(line))
		if row == nil {
			continue
		}
		address := row[2]
		if address == "unassigned" {
			address = ""
		}
		interfaces = append(interfaces, Interface{
			Name: row[1], Address: address, OK: row[3], Method: row[4], Status: row[5], Protocol: row[6],
		})
	}
	if len(interfaces) == 0 {
		return nil, nothingRead("show ip interface brief", "interface", text)
	}
	return interfaces, nil
}
