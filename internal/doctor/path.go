package doctor

import (
	"context"
	"io"
	"net/netip"
	"strings"

	"flashwarden/internal/ios"
	"flashwarden/tftp"
)

// Session is what an examination needs of a device. Nothing of it changes the
// device.
type Session interface {
	Files(ctx context.Context) ([]ios.Listing, error)
	Show(ctx context.Context, command string) (string, error)
	Copy(ctx context.Context, c ios.Copy) (ios.CopyResult, error)
	Exec(ctx context.Context, command string) (io.ReadWriteCloser, error)
	Interfaces(ctx context.Context) ([]ios.Interface, error)
	LocalAddr() netip.Addr
	RemoteAddr() netip.Addr
}

// Path is what a device shows of its way to our TFTP server.
type Path struct {
	Name       string
	Device     netip.Addr     // which it is known by, and which alone may use a ticket
	Server     netip.Addr     // ours, which it copies to
	Ports      tftp.PortRange // from which the server answers
	Brief      []ios.Interface
	Interfaces []ios.InterfaceConfig
	Lists      []ios.AccessList
	TFTP       ios.TFTPConfig
	Policers   []ios.Policer
	Uplink     string     // the interface on the way to the server, by the routing table; empty: not known
	NextHop    netip.Addr // where only that is known
	Unread     []string   // commands that it refused, or whose output was not understood
}

const (
	tftpConfigCommand = "show running-config | include tftp"
	policersCommand   = "show policy-map control-plane"
)

// ReadPolicers reads the counters of control-plane policing; a device without
// it has none.
func ReadPolicers(ctx context.Context, s Session) ([]ios.Policer, error) {
	text, err := s.Show(ctx, policersCommand)
	return ios.ParsePolicers(text), err
}

// ReadPath asks the device. An error is one of the session; what the device
// does not show goes to Unread.
func ReadPath(ctx context.Context, s Session, p Path) (Path, error) {
	for _, read := range []struct {
		command string
		parse   func(text string) error
	}{
		{"show ip interface brief", func(text string) (err error) { p.Brief, err = ios.ParseInterfaceBrief(text); return }},
		{ios.InterfaceConfigCommand, func(text string) (err error) { p.Interfaces, err = ios.ParseInterfaceConfig(text); return }},
		{"show access-lists", func(text string) (err error) { p.Lists, err = ios.ParseAccessLists(text); return }},
		{tftpConfigCommand, func(text string) (err error) { p.TFTP, err = ios.ParseTFTPConfig(text); return }},
		{"show ip route " + p.Server.String(), func(text string) error { p.Uplink, p.NextHop = ios.ParseRoute(text); return nil }},
	} {
		text, err := s.Show(ctx, read.command)
		if err != nil {
			return p, err
		}
		if read.parse(text) != nil {
			p.Unread = append(p.Unread, read.command)
		}
	}
	var err error
	p.Policers, err = ReadPolicers(ctx, s)
	return p, err
}

// Source is the interface and the address from which the device will send to
// the server: the configured one, else the one on its way there. The address
// is invalid if it is not known.
func (p Path) Source() (name string, address netip.Addr) {
	if p.TFTP.SourceInterface != "" {
		return p.interfaceNamed(p.TFTP.SourceInterface)
	}
	if p.Uplink != "" {
		return p.interfaceNamed(p.Uplink)
	}
	for _, to := range []netip.Addr{p.Server, p.NextHop} {
		for _, i := range p.Interfaces {
			for _, a := range i.Addresses {
				if to.IsValid() && a.Contains(to) {
					return i.Name, a.Addr()
				}
			}
		}
	}
	return "", netip.Addr{}
}

// interfaceNamed gives the device's own name for an interface, and its first
// address.
func (p Path) interfaceNamed(name string) (string, netip.Addr) {
	for _, i := range p.Brief {
		if a, err := netip.ParseAddr(i.Address); err == nil && sameInterface(i.Name, name) {
			return i.Name, a
		}
	}
	for _, i := range p.Interfaces {
		if sameInterface(i.Name, name) && len(i.Addresses) > 0 {
			return i.Name, i.Addresses[0].Addr()
		}
	}
	return name, netip.Addr{}
}

// sameInterface compares names of interfaces: "vlan 5" is Vlan5.
func sameInterface(a, b string) bool {
	return strings.EqualFold(strings.ReplaceAll(a, " ", ""), strings.ReplaceAll(b, " ", ""))
}

// holder is the interface that has an address.
func (p Path) holder(a netip.Addr) string {
	for _, i := range p.Brief {
		if i.Address == a.String() {
			return i.Name
		}
	}
	for _, i := range p.Interfaces {
		for _, have := range i.Addresses {
			if have.Addr() == a {
				return i.Name
			}
		}
	}
	return ""
}

// configure is what to type on a device to change its configuration.
func configure(lines ...string) string {
	return "configure terminal\n" + strings.Join(lines, "\n") + "\nend"
}
