package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/firewall"
	"flashwarden/internal/warden"
)

func firewallCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "firewall nft|iptables|ufw",
		Short: "print firewall rules for the devices of the inventory",
		Long: `firewall prints rules for the packet filter of this host. They open the TFTP port
and the port range for the addresses of the inventory, and close these ports for
all others. The rules change nothing else, and it does no harm to load them
twice. firewall only prints them; you load them yourself.

The rules contain the current addresses. Print and load them again after you
add, edit or remove a device, or when the address of a host name changes. To load
the rules of nft at each start, add include "/etc/flashwarden.nft" to
/etc/nftables.conf.`,
		Example: `  flashwarden firewall nft > /etc/flashwarden.nft && nft -f /etc/flashwarden.nft
  flashwarden firewall iptables | sh
  flashwarden firewall ufw | sh`,
		Args:      usageArgs(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		ValidArgs: firewall.Formats(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error { return runFirewall(ctx, &p.output, w, args[0]) })
		},
	}
}

func runFirewall(ctx context.Context, o *output, w warden.Warden, format string) error {
	rules, err := w.Firewall(ctx, api.Firewall{Format: format})
	if err != nil {
		return err
	}
	if o.json {
		err = writeJSON(o, map[string]string{"format": rules.Format, "rules": rules.Rules})
	} else {
		_, err = fmt.Fprint(o.out, rules.Rules)
	}
	if len(rules.LeftOut) > 0 {
		err = errors.Join(err, fmt.Errorf("the rules leave out some devices: %s", strings.Join(rules.LeftOut, "\n")))
	}
	return err
}
