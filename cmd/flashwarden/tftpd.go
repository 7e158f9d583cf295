package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/tftpd"
)

func tftpdCommand(p *program) *cobra.Command {
	var f tftpd.Flags
	cmd := &cobra.Command{
		Use:   "tftpd [flags] DIR",
		Short: "run only a TFTP server, with the flags of in.tftpd",
		Args: func(cmd *cobra.Command, args []string) error {
			if f.ShowVersion {
				return nil
			}
			return checkArguments(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.ShowVersion {
				return versionCommand(&p.output).RunE(cmd, nil)
			}
			c, err := f.Config(args[0])
			if err != nil {
				return usageError{err}
			}
			defer p.queueLog()()
			c.Log = f.Logger(logWriter(p), p.verbose, p.quiet)
			if err := f.Listen(&c); err != nil {
				return err
			}
			p.service = true
			err = tftpd.Run(cmd.Context(), c)
			if _, missing := os.Stat(args[0]); errors.Is(err, fs.ErrNotExist) && errors.Is(missing, fs.ErrNotExist) {
				err = cause.WithFix(err, missingDirectory(args[0]))
			}
			return err
		},
	}
	f.Register(cmd.Flags())
	return cmd
}

// missingDirectory returns the next step if the directory does not exist. The variable
// TFTP_DIRECTORY of Debian may have several directories.
func missingDirectory(dir string) api.Fix {
	if strings.Contains(dir, " /") {
		return api.Say("name one directory: tftpd serves only one")
	}
	return api.Say("make the directory: ").Type(api.OnHost, "sudo install -d "+api.ShellWord(dir))
}
