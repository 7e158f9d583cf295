package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/demo"
	"flashwarden/internal/inventory"
)

// simulation is what the flags of simulate choose.
type simulation struct {
	fleet    []demo.Switch
	tftpPort uint16
	list     string // the CSV file to write; empty: none
}

func simulateCommand(p *program) *cobra.Command {
	var chosen simulation
	var profiles []string
	var count int
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "run simulated switches on this machine, until Ctrl-C",
		Long:  profileList(), // below the text of its help
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if chosen.fleet, err = demo.Choose(profiles); cmd.Flags().Changed("count") {
				chosen.fleet, err = demo.ChooseMany(profiles, count)
			}
			if err != nil {
				return usageError{err}
			}
			if chosen.tftpPort == 0 {
				if chosen.tftpPort, err = p.tftpPort(); err != nil {
					return err
				}
			}
			return runSimulate(cmd.Context(), p, chosen)
		},
	}
	cmd.Flags().StringArrayVar(&profiles, "profile", nil, "`NAME` of a simulated device; may be repeated")
	cmd.Flags().IntVar(&count, "count", 0, "`NUMBER` of switches, named sw1, sw2 and so on; they take the profiles in turn (default: one switch for each profile)")
	cmd.Flags().StringVar(&chosen.list, "csv", "", "write a list of the switches with their passwords to `FILE`, for device import")
	cmd.Flags().Uint16Var(&chosen.tftpPort, "tftp-port", 0, "UDP `PORT` of this machine to which the switches send TFTP requests (default: the port of tftp.listen in the configuration, else 69)")
	completeWith(cmd, "profile", completeProfiles)
	noFiles(cmd, "count", "tftp-port")
	return cmd
}

// tftpPort is the port on which the flashwarden of this configuration answers.
func (p *program) tftpPort() (uint16, error) {
	cfg, err := p.config()
	if err != nil {
		return 0, err
	}
	_, text, err := net.SplitHostPort(cfg.TFTP.Listen)
	if err != nil {
		return 0, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	return cmp.Or(uint16(port), 69), err
}

// runSimulate keeps the fleet running until the user ends it.
func runSimulate(ctx context.Context, p *program, chosen simulation) error {
	s, err := demo.Simulate(chosen.fleet, chosen.tftpPort)
	if err == nil && chosen.list != "" {
		err = writeList(chosen.list, s)
	}
	if err == nil {
		err = printSimulation(p, s, chosen)
	}
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, s.Close())
}

// writeList writes a file that device import reads.
func writeList(file string, s *demo.Simulation) error {
	var list []api.InventoryEntry
	for _, d := range s.Devices {
		e := inventory.EntryOf(d)
		e.Password, e.EnablePassword = &s.Login.Password, &s.Login.Enable
		list = append(list, e)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return usageError{err}
	}
	return errors.Join(inventory.WriteCSV(f, list), f.Close())
}

// mostPrinted is how many switches are printed one by one beside a list of all.
const mostPrinted = 3

// printSimulation prints how to log in to the switches, and how to add them.
func printSimulation(p *program, s *demo.Simulation, chosen simulation) error {
	if p.json {
		return writeJSON(&p.output, map[string]any{"devices": s.Devices, "password": s.Login.Password, "enable_password": s.Login.Enable})
	}
	fmt.Fprintf(p.out, "The user is %s, the password %s, the enable password %s. To log in:\n", s.Login.User, s.Login.Password, s.Login.Enable)
	for i, d := range s.Devices {
		if more := len(s.Devices) - i; chosen.list != "" && i == mostPrinted && more > 1 {
			fmt.Fprintf(p.out, "  and %d more: %s has their addresses\n", more, chosen.list)
			break
		}
		fmt.Fprintf(p.out, "  %-18s %s\n", d.Name, loginLine(d))
	}
	if chosen.list != "" {
		fmt.Fprintf(p.out, "To add them, in another terminal:\n  %s device import %s\n", calledAs(p), api.ShellWord(chosen.list))
	} else {
		printAdd(p, s)
	}
	fmt.Fprintf(p.out, "They send TFTP requests to port %d of this machine. Ctrl-C ends them.\n", chosen.tftpPort)
	return nil
}

// loginLine is how a person logs in to a switch.
func loginLine(d api.Device) string {
	host, port, _ := strings.Cut(d.Address, ":")
	if d.Transport == api.SSH {
		return "ssh -p " + port + " " + d.Username + "@" + host
	}
	return "telnet " + host + " " + port
}

// printAdd prints a line for each switch that adds it.
func printAdd(p *program, s *demo.Simulation) {
	fmt.Fprintf(p.out, "To add them, in another terminal (with --csv FILE, one line adds all):\n  echo %s >simulated.password; echo %s >simulated.enable\n", s.Login.Password, s.Login.Enable)
	for _, d := range s.Devices {
		legacy := ""
		if d.LegacyCrypto {
			legacy = " --legacy-crypto"
		}
		fmt.Fprintf(p.out, "  %s device add %s --address %s --transport %s --username %s --password-file simulated.password --enable-password-file simulated.enable%s\n",
			calledAs(p), d.Name, d.Address, d.Transport, d.Username, legacy)
	}
}
