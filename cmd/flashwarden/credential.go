package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func credentialCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{Use: "credential", Short: "manage user names and passwords that devices share"}
	cmd.AddCommand(credentialSetCommand(p), credentialListCommand(p), credentialTestCommand(p), credentialRemoveCommand(p))
	return cmd
}

// secretFlags are the flags that say where one secret is.
type secretFlags struct {
	name, prompt                        string // "password"
	file, environment, systemd, command string
}

func (f *secretFlags) register(cmd *cobra.Command) {
	fs, of := cmd.Flags(), "the "+f.prompt
	fs.StringVar(&f.file, f.name+"-file", "", "`FILE` with "+of+" in its first line, or - for standard input; it is read now and stored")
	fs.StringVar(&f.environment, f.name+"-env", "", "environment `VARIABLE` that has "+of+" at each login")
	fs.StringVar(&f.systemd, f.name+"-systemd", "", "`NAME` of the systemd credential with "+of+" (LoadCredential= in the unit of the service)")
	fs.StringVar(&f.command, f.name+"-command", "", "`COMMAND` that prints "+of+" at each login, as the user of the service")
	noFiles(cmd, f.name+"-env", f.name+"-systemd", f.name+"-command")
}

// given reports whether the flags name a place.
func (f *secretFlags) given(cmd *cobra.Command) bool {
	for _, name := range []string{"-file", "-env", "-systemd", "-command"} {
		if cmd.Flags().Changed(f.name + name) {
			return true
		}
	}
	return false
}

// secret returns the secret. An empty file name removes it.
func (f *secretFlags) secret(ctx context.Context, p *program, cmd *cobra.Command, of string) (*api.Secret, error) {
	s := &api.Secret{Environment: f.environment, Systemd: f.systemd, Command: f.command}
	if !cmd.Flags().Changed(f.name+"-file") || f.file == "" {
		return s, nil
	}
	var err error
	s.Text, err = p.password(ctx, f.file, of)
	return s, err
}

func credentialSetCommand(p *program) *cobra.Command {
	password, enable := secretFlags{name: "password", prompt: "password"}, secretFlags{name: "enable-password", prompt: "enable password"}
	var username, identityFile string
	var keepOld, dropOld bool
	cmd := &cobra.Command{
		Use:               "set NAME",
		Short:             "add a credential, or change one",
		ValidArgsFunction: completeNames(p, api.NamesOfCredentials),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := api.CredentialChange{Name: args[0], KeepOld: keepOld, DropOld: dropOld}
			if cmd.Flags().Changed("username") {
				c.Username = &username
			}
			if err := readSecrets(cmd, p, &c, &password, &enable, identityFile); err != nil {
				return err
			}
			if err := c.Validate(); err != nil {
				return usageError{err}
			}
			return do(p, cmd, warden.Warden.SetCredential, c, func(o *output, res api.Credential) error {
				return o.done(res, func(l terminal.Layout) string { return l.Prose("", "Credential "+res.Name+" set"+users(res)) }, nil)
			})
		},
	}
	cmd.Flags().StringVar(&username, "username", "", "user `NAME` to log in with")
	password.register(cmd)
	enable.register(cmd)
	cmd.Flags().StringVar(&identityFile, "identity-file", "", "`FILE` with a private SSH key, tried before the password")
	cmd.Flags().BoolVar(&keepOld, "keep-old", false, "also keep the login as it is now: it is tried first, and the new one if a device refuses it")
	cmd.Flags().BoolVar(&dropOld, "drop-old", false, "forget the old login: all devices know the new one")
	noFiles(cmd, "username")
	return cmd
}

// users says which devices use a credential, or how one does.
func users(c api.Credential) string {
	switch c.Devices {
	case 0:
		return ". A device uses it after " + api.Do("device edit", "NAME").With("credential", c.Name).String()
	case 1:
		return "; 1 device uses it"
	}
	return fmt.Sprintf("; %d devices use it", c.Devices)
}

// readSecrets reads the secrets that the flags name. Without any flag it asks for the password.
func readSecrets(cmd *cobra.Command, p *program, c *api.CredentialChange, password, enable *secretFlags, identityFile string) error {
	ctx, err := cmd.Context(), error(nil)
	if password.given(cmd) {
		if c.Password, err = password.secret(ctx, p, cmd, passwordOf(c.Name)); err != nil {
			return err
		}
	}
	if enable.given(cmd) {
		if c.EnablePassword, err = enable.secret(ctx, p, cmd, enableOf(c.Name)); err != nil {
			return err
		}
	}
	switch {
	case cmd.Flags().Changed("identity-file") && identityFile == "":
		c.Identity = new(string)
	case identityFile != "":
		return identityIn(&c.Identity, identityFile)
	case c.DropOld && c.Password == nil && c.EnablePassword == nil: // the change may be this alone
	case c.Password == nil && c.EnablePassword == nil && terminal.IsTerminal(p.in):
		c.Password = &api.Secret{}
		c.Password.Text, err = p.password(ctx, "", passwordOf(c.Name))
		return err
	case c.Password == nil && c.EnablePassword == nil && c.Username == nil:
		return seeHelp(cmd, errors.New("nothing to set: give --username, --password-file or another place of the password"))
	}
	return nil
}

func credentialListCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the credentials, without their secrets",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return do(p, cmd, withoutRequest(warden.Warden.Credentials), struct{}{}, func(o *output, all []api.Credential) error {
				if len(all) == 0 && !o.json {
					return o.nothing("No credentials; add one with " + api.Do("credential set", "NAME").With("username", "USER").With("password_file", "FILE").String())
				}
				return o.answer(listOf("credentials", all), terminal.Credentials(all).Format, nil)
			})
		},
	}
	wideFlag(cmd, &p.output)
	return cmd
}

func credentialTestCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:               "test NAME [DEVICE]",
		Short:             "find the passwords of a credential, and log in with them",
		ValidArgsFunction: completeNames(p, api.NamesOfCredentials, api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := api.CredentialTest{Name: args[0]}
			if len(args) > 1 {
				r.Device = args[1]
			}
			return do(p, cmd, warden.Warden.TestCredential, r, printCredentialTest)
		},
	}
}

func printCredentialTest(o *output, res api.CredentialTestResult) error {
	text := "Credential " + res.Name + " has its secrets: " + strings.ReplaceAll(strings.Join(res.Found, ", "), ": ", " ")
	switch {
	case res.Device != "" && res.Old:
		text += ". " + res.Device + " accepts the old login"
	case res.Device != "":
		text += ". " + res.Device + " accepts it"
	}
	return o.done(res, func(l terminal.Layout) string { return l.Prose("", text) }, nil)
}

func credentialRemoveCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:               "remove NAME",
		Short:             "remove a credential that no device uses",
		ValidArgsFunction: completeNames(p, api.NamesOfCredentials),
		RunE: func(cmd *cobra.Command, args []string) error {
			return do(p, cmd, warden.Warden.RemoveCredential, api.Named{Name: args[0]}, printGone("Credential "+args[0]+" removed"))
		},
	}
}
