package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func userCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "manage the users of the web page"}
	cmd.AddCommand(userAddCommand(p), userEditCommand(p), userPasswdCommand(p), userListCommand(p), userRemoveCommand(p))
	return cmd
}

// userFlags are the flags of a command that changes a user.
type userFlags struct {
	role         string
	passwordFile string
}

func (f *userFlags) add(cmd *cobra.Command) {
	roleFlag(cmd, &f.role)
	passwordFlag(cmd, &f.passwordFile)
}

// passwordFlag adds the flag for the file with the password of a user.
func passwordFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "password-file", "", "`FILE` with the password in its first line; - for standard input")
}

// roleFlag adds the flag for a role.
func roleFlag(cmd *cobra.Command, role *string) {
	cmd.Flags().StringVar(role, "role", "", "`ROLE`: viewer reads, operator also starts backups, admin may do everything")
	completeWords(cmd, "role", string(api.RoleViewer), string(api.RoleOperator), string(api.RoleAdmin))
}

func userAddCommand(p *program) *cobra.Command {
	var f userFlags
	cmd := &cobra.Command{
		Use:   "add NAME --role ROLE",
		Short: "add a user",
		RunE: func(cmd *cobra.Command, args []string) error {
			u := api.UserChange{Name: args[0], Role: api.Role(f.role)}
			if err := u.Role.Validate(); err != nil {
				return usageError{err}
			}
			return p.changeUser(cmd, warden.Warden.AddUser, u, f.passwordFile, true, "User %s added, role %s")
		},
	}
	f.add(cmd)
	return cmd
}

func userEditCommand(p *program) *cobra.Command {
	var f userFlags
	cmd := &cobra.Command{
		Use:   "edit NAME",
		Short: "change the role or the password of a user",
		RunE: func(cmd *cobra.Command, args []string) error {
			u := api.UserChange{Name: args[0], Role: api.Role(f.role)}
			ask := cmd.Flags().Changed("password-file") || !cmd.Flags().Changed("role")
			return p.changeUser(cmd, warden.Warden.EditUser, u, f.passwordFile, ask, "User %s changed, role %s")
		},
	}
	f.add(cmd)
	return cmd
}

func userPasswdCommand(p *program) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "passwd NAME",
		Short: "change the password of a user",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.changeUser(cmd, warden.Warden.EditUser, api.UserChange{Name: args[0]}, file, true, "User %s has a new password; role %s")
		},
	}
	passwordFlag(cmd, &file)
	return cmd
}

// changeUser runs an operation on a user, with the password from a file or a question if
// ask is set. done is the text for the result, with the name and the role.
func (p *program) changeUser(cmd *cobra.Command, op operation[api.UserChange, api.User], u api.UserChange, file string, ask bool, done string) error {
	if ask {
		var err error
		if u.Password, err = p.newPassword(cmd.Context(), file, u.Name); err != nil {
			return err
		}
	}
	return do(p, cmd, op, u, func(o *output, res api.User) error {
		return o.done(res, func(l terminal.Layout) string { return l.Prose("", fmt.Sprintf(done, res.Name, res.Role)) }, nil)
	})
}

func userListCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the users",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return do(p, cmd, withoutRequest(warden.Warden.Users), struct{}{}, func(o *output, users []api.User) error {
				if len(users) == 0 && !o.json {
					return o.nothing("No users; add one with " + api.Do("user add", "NAME").With("role", "admin").String())
				}
				return o.answer(map[string]any{"users": users}, terminal.Users(users, time.Now()).Format, nil)
			})
		},
	}
	return cmd
}

// withoutRequest gives an operation without a request an empty one.
func withoutRequest[Result any](op func(warden.Warden, context.Context) (Result, error)) operation[struct{}, Result] {
	return func(w warden.Warden, ctx context.Context, _ struct{}) (Result, error) { return op(w, ctx) }
}

func userRemoveCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "remove a user",
		RunE: func(cmd *cobra.Command, args []string) error {
			return do(p, cmd, warden.Warden.RemoveUser, api.Named{Name: args[0]}, printGone("User "+args[0]+" removed"))
		},
	}
}

// printGone says that a thing is gone: User anna removed.
func printGone(said string) func(*output, struct{}) error {
	return func(o *output, res struct{}) error {
		return o.done(res, func(l terminal.Layout) string { return l.Prose("", said) }, nil)
	}
}
