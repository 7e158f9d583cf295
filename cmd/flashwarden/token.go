package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func tokenCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "manage the tokens with which programs use the API"}
	cmd.AddCommand(tokenAddCommand(p), tokenListCommand(p), tokenRevokeCommand(p))
	return cmd
}

func tokenAddCommand(p *program) *cobra.Command {
	var t api.NewToken
	var role, expires string
	cmd := &cobra.Command{
		Use:   "add NAME --role ROLE",
		Short: "make a token and print its secret once",
		RunE: func(cmd *cobra.Command, args []string) error {
			t.Name, t.Role = args[0], api.Role(role)
			if err := t.Role.Validate(); err != nil {
				return usageError{err}
			}
			var err error
			if t.Expires, err = config.ParseAge(expires); err != nil {
				return usageError{fmt.Errorf("--expires: %w", err)}
			}
			return do(p, cmd, warden.Warden.AddToken, t, printToken)
		},
	}
	roleFlag(cmd, &role)
	cmd.Flags().StringVar(&t.Group, "group", "", "only for the devices of the group `NAME`")
	cmd.Flags().StringVar(&t.Site, "site", "", "only for the devices of the site `NAME`")
	cmd.Flags().StringVar(&expires, "expires", "0", "the token expires after this `TIME`, for example 12h or 90d (default: never)")
	hideDefault(cmd.Flags(), "expires")
	return cmd
}

// printToken prints the secret alone on standard output, so that a script can keep it.
func printToken(o *output, t api.IssuedToken) error {
	if !o.json {
		o.tell("", "Keep this secret now; it cannot be shown again:")
	}
	return o.answer(t, func(terminal.Layout) string { return t.Secret + "\n" }, nil)
}

func tokenListCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the tokens, without their secrets",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return do(p, cmd, withoutRequest(warden.Warden.Tokens), struct{}{}, func(o *output, tokens []api.Token) error {
				if len(tokens) == 0 && !o.json {
					return o.nothing("No tokens; make one with " + api.Do("token add", "NAME").With("role", "viewer").String())
				}
				return o.answer(map[string]any{"tokens": tokens}, terminal.Tokens(tokens, time.Now()).Format, nil)
			})
		},
	}
}

func tokenRevokeCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke NAME",
		Aliases: []string{"remove"},
		Short:   "remove a token; its secret is then no longer valid",
		RunE: func(cmd *cobra.Command, args []string) error {
			return do(p, cmd, warden.Warden.RemoveToken, api.Named{Name: args[0]}, printGone("Token "+args[0]+" revoked"))
		},
	}
}
