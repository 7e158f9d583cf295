package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/internal/demo"
)

func simulateCommand(p *program) *cobra.Command {
	var profiles []string
	var port uint16
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "run simulated switches on this machine, until Ctrl-C",
		Long:  profileList(), // below the text of its help
		RunE: func(cmd *cobra.Command, _ []string) error {
			fleet, err := demo.Choose(profiles)
			if err != nil {
				return usageError{err}
			}
			return runSimulate(cmd.Context(), p, fleet, port)
		},
	}
	cmd.Flags().StringArrayVar(&profiles, "profile", nil, "`NAME` of a simulated device; may be repeated")
	cmd.Flags().Uint16Var(&port, "tftp-port", 69, "UDP `PORT` of this machine to which the switches send TFTP requests")
	completeWith(cmd, "profile", completeProfiles)
	return cmd
}

// runSimulate keeps the fleet running until the user ends it.
func runSimulate(ctx context.Context, p *program, fleet []demo.Switch, port uint16) error {
	s, err := demo.Simulate(fleet, port)
	if err == nil {
		err = printSimulation(p, s, port)
	}
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, s.Close())
}

// printSimulation prints how to log in to the switches, and how to add them.
func printSimulation(p *program, s *demo.Simulation, port uint16) error {
	if p.json {
		return writeJSON(&p.output, map[string]any{"devices": s.Devices, "password": s.Login.Password, "enable_password": s.Login.Enable})
	}
	fmt.Fprintf(p.out, "The user is %s, the password %s, the enable password %s. To log in:\n", s.Login.User, s.Login.Password, s.Login.Enable)
	for _, d := range s.Devices {
		host, number, _ := strings.Cut(d.Address, ":")
		line := "telnet " + host + " " + number
		if d.Transport == "ssh" {
			line = "ssh -p " + number + " " + d.Username + "@" + host
		}
		fmt.Fprintf(p.out, "  %-18s %s\n", d.Name, line)
	}
	fmt.Fprintf(p.out, "To add them:\n  echo %s >simulated.password; echo %s >simulated.enable\n", s.Login.Password, s.Login.Enable)
	for _, d := range s.Devices {
		legacy := ""
		if d.LegacyCrypto {
			legacy = " --legacy-crypto"
		}
		fmt.Fprintf(p.out, "  %s device add %s --address %s --transport %s --username %s --password-file simulated.password --enable-password-file simulated.enable%s\n",
			p.calledAs(), d.Name, d.Address, d.Transport, d.Username, legacy)
	}
	fmt.Fprintf(p.out, "They send TFTP requests to port %d of this machine. Ctrl-C ends them.\n", port)
	return nil
}
