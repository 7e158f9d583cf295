package main

import (
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
		Use:       "firewall nft|iptables|ufw",
		Short:     "print firewall rules for the devices of the inventory",
		ValidArgs: firewall.Formats(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return do(p, cmd, warden.Warden.Firewall, api.Firewall{Format: args[0]}, printFirewall)
		},
	}
}

// printFirewall prints the rules. Devices that they leave out are an error.
func printFirewall(o *output, rules api.FirewallRules) error {
	var leftOut error
	if len(rules.LeftOut) > 0 {
		leftOut = fmt.Errorf("the rules leave out some devices: %s", strings.Join(rules.LeftOut, "\n"))
	}
	if o.json {
		return errors.Join(writeJSON(o, map[string]string{"format": rules.Format, "rules": rules.Rules}), leftOut)
	}
	_, err := fmt.Fprint(o.out, rules.Rules) // never through the pager
	return errors.Join(err, leftOut)
}
