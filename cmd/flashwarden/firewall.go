package main

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

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/firewall"
	"flashwarden/internal/node"
)

// errUnresolved says that rules were printed without some devices.
var errUnresolved = errors.New("some devices are left out of the rules")

func (p *program) firewallCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "firewall nft|iptables|ufw",
		Short: "print rules that let the devices of the inventory reach the TFTP server, and nobody else",
		Long: `firewall prints rules for this host: the TFTP port and the range of transfer IDs
are open for the addresses of the inventory and closed for everybody else. The
rest of the firewall is not touched, and loading them twice is loading them
once. Nothing is loaded by itself.

The rules hold the addresses of now: print them again when devices come or go,
or when the address of a host name changes.`,
		Example: `  flashwarden firewall nft > /etc/nftables.d/flashwarden.nft && nft -f /etc/nftables.d/flashwarden.nft
  flashwarden firewall iptables | sh
  flashwarden firewall ufw | sh`,
		Args:      usageArgs(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		ValidArgs: firewall.Formats(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNode(cmd.Context(), func(n *node.Node) error { return p.firewall(cmd.Context(), n, args[0]) })
		},
	}
}

func (p *program) firewall(ctx context.Context, n *node.Node, format string) error {
	cfg, err := p.config()
	if err != nil {
		return err
	}
	ports, err := firewallPorts(cfg)
	if err != nil {
		return err
	}
	devices, err := n.Catalog.Devices(ctx, api.Select{})
	if err != nil {
		return err
	}
	if len(devices) == 0 {
		return unknownError{errors.New("the inventory is empty, and rules for nobody are of no use; `flashwarden device add` adds a device")}
	}
	hosts, failed := resolveDevices(ctx, devices)
	text, err := firewall.Rules(format, hosts, ports)
	if err != nil {
		return errors.Join(err, failed)
	}
	if p.json {
		err = p.writeJSON(map[string]string{"format": format, "rules": text})
	} else {
		_, err = fmt.Fprint(p.out, text)
	}
	if failed != nil {
		failed = fmt.Errorf("%w: %w", errUnresolved, failed)
	}
	return errors.Join(err, failed)
}

// firewallPorts are the ports of the configuration.
func firewallPorts(cfg config.Config) (firewall.Ports, error) {
	_, text, err := net.SplitHostPort(cfg.TFTP.Listen)
	if err != nil {
		return firewall.Ports{}, fmt.Errorf("tftp.listen: %w", err)
	}
	listen, err := strconv.ParseUint(text, 10, 16)
	if err != nil || listen == 0 {
		return firewall.Ports{}, usageError{fmt.Errorf("tftp.listen is %s, which takes any free port: a firewall needs one that stays", cfg.TFTP.Listen)}
	}
	return firewall.Ports{Listen: uint16(listen), Transfers: cfg.TFTP.PortRange}, nil
}

// resolveWithin is how long one host name of the inventory may take.
const resolveWithin = 5 * time.Second

// resolveDevices finds the addresses of devices, eight at once. The error
// names those that have none.
func resolveDevices(ctx context.Context, devices []api.Device) ([]firewall.Host, error) {
	found := make([][]firewall.Host, len(devices))
	failed := make([]error, len(devices))
	gate := make(chan struct{}, 8)
	done := make(chan struct{}, len(devices))
	for i, d := range devices {
		go func() {
			gate <- struct{}{}
			found[i], failed[i] = resolveDevice(ctx, d)
			<-gate
			done <- struct{}{}
		}()
	}
	for range devices {
		<-done
	}
	return slices.Concat(found...), errors.Join(failed...)
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
