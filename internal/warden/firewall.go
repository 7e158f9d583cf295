package warden

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/firewall"
)

// Firewall returns rules that let the devices of the inventory reach the TFTP
// server, and no other address. Devices without an address are left out and
// named.
func (l *hosts) Firewall(ctx context.Context, r api.Firewall) (api.FirewallRules, error) {
	if !slices.Contains(firewall.Formats(), r.Format) {
		return api.FirewallRules{}, Invalid("no rules of the format %q: want %s", r.Format, strings.Join(firewall.Formats(), ", "))
	}
	if err := l.allow(ctx, reading, "print firewall rules", r.Format); err != nil {
		return api.FirewallRules{}, err
	}
	ports, err := firewallPorts(l.config())
	if err != nil {
		return api.FirewallRules{}, err
	}
	if err := l.exists(ctx); err != nil {
		return api.FirewallRules{}, err
	}
	n, err := l.open(ctx)
	if err != nil {
		return api.FirewallRules{}, err
	}
	devices, err := n.Catalog.Devices(ctx, api.Select{})
	if err != nil {
		return api.FirewallRules{}, err
	}
	if len(devices) == 0 {
		return api.FirewallRules{}, unknown(api.Do("device add", "NAME").With("address", "HOST").With("username", "USER"), "the inventory is empty: there are no devices to write rules for")
	}
	hosts, failed := resolveDevices(ctx, devices)
	out := api.FirewallRules{Format: r.Format}
	for _, err := range failed {
		out.LeftOut = append(out.LeftOut, cause.Text(err))
	}
	if out.Rules, err = firewall.Rules(r.Format, hosts, ports); err != nil {
		return api.FirewallRules{}, errors.Join(append([]error{err}, failed...)...)
	}
	return out, nil
}

// firewallPorts are the ports of the configuration.
func firewallPorts(cfg config.Config) (p firewall.Ports, err error) {
	p.Transfers = cfg.TFTP.PortRange
	if p.Listen, err = portThatStays("tftp.listen", cfg.TFTP.Listen); err != nil {
		return p, err
	}
	if cfg.Transports.HTTPS.Listen != "" {
		if p.HTTPS, err = portThatStays("transports.https.listen", cfg.Transports.HTTPS.Listen); err != nil {
			return p, err
		}
	}
	if cfg.Transports.SCP.Listen != "" {
		p.SCP, err = portThatStays("transports.scp.listen", cfg.Transports.SCP.Listen)
	}
	return p, err
}

// portThatStays returns the port of the address in this setting.
func portThatStays(setting, address string) (uint16, error) {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", setting, err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, Invalid("%s is %s, which takes any free port: a firewall needs a port that stays", setting, address)
	}
	return uint16(port), nil
}

// resolveWithin is how long one host name of the inventory may take.
const resolveWithin = 5 * time.Second

// resolveDevices finds the addresses of devices, eight at once, and why others
// have none.
func resolveDevices(ctx context.Context, devices []api.Device) (hosts []firewall.Host, failed []error) {
	found := make([][]firewall.Host, len(devices))
	errs := make([]error, len(devices))
	gate := make(chan struct{}, 8)
	done := make(chan struct{}, len(devices))
	for i, d := range devices {
		go func() {
			gate <- struct{}{}
			found[i], errs[i] = resolveDevice(ctx, d)
			<-gate
			done <- struct{}{}
		}()
	}
	for range devices {
		<-done
	}
	return slices.Concat(found...), slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func resolveDevice(ctx context.Context, d api.Device) ([]firewall.Host, error) {
	address, err := d.HostPort()
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Name, err)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []firewall.Host{{Name: d.Name, Address: a}}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveWithin)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("%s: the name %s does not resolve: %w", d.Name, host, err)
	}
	var hosts []firewall.Host
	for _, a := range addresses {
		hosts = append(hosts, firewall.Host{Name: d.Name, Address: a, Asked: strings.TrimSuffix(host, ".")})
	}
	return hosts, nil
}
