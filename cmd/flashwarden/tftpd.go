package main

import (
	"github.com/spf13/cobra"

	"flashwarden/internal/tftpd"
)

func tftpdCommand(p *program) *cobra.Command {
	var f tftpd.Flags
	cmd := &cobra.Command{
		Use:   "tftpd [flags] DIR",
		Short: "run only a TFTP server, with the flags of in.tftpd",
		Long: `tftpd serves the directory DIR over TFTP. It has the flags of in.tftpd (tftp-hpa),
so that you can keep your TFTP_OPTIONS line. It stays in the foreground.

Without --create, a client may only replace existing files. An upload replaces a
file only after all its bytes are safely on disk. All clients share the ports of
--port-range.`,
		Example: `  flashwarden tftpd --address 127.0.0.1:6969 --secure --create /srv/tftp
  flashwarden tftpd --secure --create --port-range 1056:1059 /srv/tftp
  flashwarden tftpd --secure --read-only --allow 192.0.2.0/24 --metrics 127.0.0.1:9069 /srv/tftp`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.ShowVersion {
				return nil
			}
			return usageArgs(cobra.ExactArgs(1))(cmd, args)
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
			c.Log = f.Logger(p.logWriter(), p.verbose, p.quiet)
			if err := f.Listen(&c); err != nil {
				return err
			}
			p.service = true
			return tftpd.Run(cmd.Context(), c)
		},
	}
	f.Register(cmd.Flags())
	return cmd
}
