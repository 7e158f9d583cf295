package ios

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"flashwarden/internal/lazyregexp"
)

// InterfaceConfigCommand is the command whose output ParseInterfaceConfig
// reads.
const InterfaceConfigCommand = "show running-config | include ^interface|ip address|access-group|vrf forwarding"

// InterfaceConfig is the IPv4 configuration of one interface, from the
// running-config.
type InterfaceConfig struct {
	Name      string
	Addresses []netip.Prefix // address and prefix length; empty for DHCP
	VRF       string         // empty: the global table
	In, Out   string         // access lists of ip access-group
}

var (
	configInterface = lazyregexp.New(`^interface (\S.*)$`)
	configAddress   = lazyregexp.New(`^ ip address (\d+\.\d+\.\d+\.\d+) (\d+\.\d+\.\d+\.\d+)`)
	configGroup     = lazyregexp.New(`^ ip access-group (\S+) (in|out)$`)
	configVRF       = lazyregexp.New(`^ (?:ip )?vrf forwarding (\S+)$`)
)

// ParseInterfaceConfig reads the output of InterfaceConfigCommand. Output
// without an interface is an error.
func ParseInterfaceConfig(text string) ([]InterfaceConfig, error) {
	var all []InterfaceConfig
	for _, line := range linesOf(text) {
		if m := configInterface.FindStringSubmatch(line); m != nil {
			all = append(all, InterfaceConfig{Name: m[1]})
			continue
		}
		if len(all) == 0 {
			continue
		}
		last := &all[len(all)-1]
		if m := configAddress.FindStringSubmatch(line); m != nil {
			if p, ok := prefixOf(m[1], m[2]); ok {
				last.Addresses = append(last.Addresses, p)
			}
		} else if m := configVRF.FindStringSubmatch(line); m != nil {
			last.VRF = m[1]
		} else if m := configGroup.FindStringSubmatch(line); m != nil && m[2] == "in" {
			last.In = m[1]
		} else if m != nil {
			last.Out = m[1]
		}
	}
	if len(all) == 0 {
		return nil, nothingRead("show running-config", "interface", text)
	}
	return all, nil
}

func prefixOf(address, mask string) (netip.Prefix, bool) {
	a, errA := netip.ParseAddr(address)
	m, errM := netip.ParseAddr(mask)
	if errA != nil || errM != nil {
		return netip.Prefix{}, false
	}
	raw := m.As4()
	ones, bits := net.IPMask(raw[:]).Size()
	return netip.PrefixFrom(a, ones), bits == 32
}

// Policer is one class of show policy-map control-plane.
type Policer struct {
	Policy  string
	Class   string
	Dropped int64 // dropped by its police action, in packets or bytes as the device counts
}

var (
	policyName   = lazyregexp.New(`^\s*Service-policy (?:input|output)(?: \([^)]*\))?: *(\S+)`)
	policyClass  = lazyregexp.New(`^\s*Class-map: (\S+)`)
	policyExceed = lazyregexp.New(`^\s*(?:exceeded|violated) (\d{1,18}) (?:packets|bytes)`)
	policyAction = lazyregexp.New(`^\s*(?:.*actions:)?\s*drop\s*$`)
)

// ParsePolicers reads show policy-map control-plane. The result is empty for a
// device without such a policy.
func ParsePolicers(text string) []Policer {
	var all []Policer
	policy := ""
	pending := int64(0) // exceeded; this line or the next one says whether it is dropped
	for _, line := range linesOf(text) {
		if m := policyName.FindStringSubmatch(line); m != nil {
			policy = m[1]
		} else if m := policyClass.FindStringSubmatch(line); m != nil {
			all = append(all, Policer{Policy: policy, Class: m[1]})
		}
		if m := policyExceed.FindStringSubmatch(line); m != nil {
			pending, _ = strconv.ParseInt(m[1], 10, 64) // digits only
		}
		if len(all) > 0 && policyAction.MatchString(line) {
			all[len(all)-1].Dropped += pending
			pending = 0
		}
	}
	return all
}

var routeVia = lazyregexp.New(`(?m)^\s*\* (?:directly connected, via (\S+)|(\d+\.\d+\.\d+\.\d+)(?:.*, via (\S+))?)`)

// ParseRoute reads show ip route ADDRESS. It returns the interface towards the
// address, and the next hop if the device prints one.
func ParseRoute(text string) (interfaceName string, nextHop netip.Addr) {
	m := routeVia.FindStringSubmatch(strings.Join(linesOf(text), "\n"))
	if m == nil {
		return "", netip.Addr{}
	}
	hop, _ := netip.ParseAddr(m[2]) // invalid without a next hop
	return m[1] + m[3], hop
}
