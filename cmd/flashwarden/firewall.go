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
		Use:       "firewall nft|iptables|ufw",
		Short:     "print firewall rules for the devices of the inventory",
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
