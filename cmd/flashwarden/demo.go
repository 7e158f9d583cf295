package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
	"flashwarden/internal/iossim"
	"flashwarden/internal/node"
	"flashwarden/tftp"
)

// The demonstration's accounts. The switches are simulated and listen on
// loopback alone.
const (
	demoUser     = "backup"
	demoPassword = "demo-login"
	demoEnable   = "demo-enable"
)

// demoSwitch is one device of the demonstration.
type demoSwitch struct{ name, profile, listen, site string }

// demoSwitches are the devices of the demonstration when nobody asks for
// others, each with a loopback address of its own, as real ones have.
var demoSwitches = []demoSwitch{
	{"attic-sw1", "c3500xl", "127.0.0.11:0", "old-house"},
	{"hq-sw1", "c3750", "127.0.0.12:0", "hq"},
	{"hq-core1", "c9300", "127.0.0.13:0", "hq"},
}

// switchesOf are devices of the profiles that the user asked for.
func switchesOf(profiles []string) ([]demoSwitch, error) {
	if len(profiles) == 0 {
		return demoSwitches, nil
	}
	var all []demoSwitch
	for i, profile := range profiles {
		if !slices.Contains(iossim.Profiles(), profile) {
			return nil, fmt.Errorf("no simulated device is called %q; there are %s", profile, strings.Join(iossim.Profiles(), ", "))
		}
		name := profile
		if n := count(profiles[:i], profile); n > 0 {
			name += fmt.Sprintf("-no%d", n+1)
		}
		all = append(all, demoSwitch{name, profile, fmt.Sprintf("127.0.0.%d:0", 11+i%200), "demo"})
	}
	return all, nil
}

func count(names []string, name string) (n int) {
	for _, other := range names {
		if other == name {
			n++
		}
	}
	return n
}

func (p *program) demoCommand() *cobra.Command {
	var dir string
	var profiles []string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "back three simulated switches up, on this machine alone",
		Long: `demo starts three simulated switches and a whole node on loopback, backs the
switches up over real SSH, Telnet and TFTP, shows what happened and how to look
around. It needs nothing installed, no root and no network. What it saved stays
in a temporary directory until you remove it.

With --profile it backs up simulated devices of your choice instead:
` + profileList(),
		Example: "  flashwarden demo\n  flashwarden demo --dir ./demo\n  flashwarden demo --profile c2960x-stack --profile isr2900",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			fleet, err := switchesOf(profiles)
			if err != nil {
				return usageError{err}
			}
			if dir != "" {
				return p.demo(cmd.Context(), dir, fleet)
			}
			temporary, err := os.MkdirTemp("", "flashwarden-demo-")
			if err != nil {
				return err
			}
			err = p.demo(cmd.Context(), temporary, fleet)
			if err != nil && (!errors.Is(err, errDevicesFailed) || cmd.Context().Err() != nil) {
				return errors.Join(err, os.RemoveAll(temporary)) // nothing half-done remains
			}
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "`DIR` for what the demonstration saves (default: a new temporary one)")
	cmd.Flags().StringArrayVar(&profiles, "profile", nil, "`NAME` of a simulated device to back up; repeatable")
	if err := cmd.RegisterFlagCompletionFunc("profile", completeProfiles); err != nil {
		panic(err) // the flag stands one line above
	}
	return cmd
}

func completeProfiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, name := range iossim.Profiles() {
		names = append(names, cobra.CompletionWithDesc(name, iossim.Summary(name)))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// profileList is one line for each simulated device.
func profileList() string {
	var b strings.Builder
	for _, name := range iossim.Profiles() {
		fmt.Fprintf(&b, "\n  %-16s %s", name, iossim.Summary(name))
	}
	return b.String()
}

func (p *program) demo(ctx context.Context, dir string, fleet []demoSwitch) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	cfg := config.Default()
	cfg.TFTP.Listen = "127.0.0.1:0"
	cfg.TFTP.PortRange = tftp.PortRange{} // whatever is free
	cfg.TFTP.Advertise = netip.MustParseAddr("127.0.0.1")
	n, err := node.Open(ctx, node.Options{Data: dir, Config: cfg, Log: p.log()})
	if err != nil {
		return err
	}
	if err := n.Start(); err != nil {
		return errors.Join(err, n.Close())
	}
	switches, err := startSwitches(n, fleet)
	if err == nil {
		err = p.demoBackup(ctx, n, fleet, switches, dir)
	}
	for _, s := range switches {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, n.Close())
}

// startSwitches starts the simulated switches and tells them where UDP 69 is
// today.
func startSwitches(n *node.Node, fleet []demoSwitch) ([]*iossim.Switch, error) {
	port := n.TFTPAddr().(*net.UDPAddr).Port
	var started []*iossim.Switch
	for _, d := range fleet {
		s, err := iossim.New(d.profile, iossim.Options{
			Hostname: d.name, Username: demoUser, Password: demoPassword, EnablePassword: demoEnable,
			Listen: d.listen, TFTPPort: uint16(port),
		})
		if err != nil {
			return started, err
		}
		started = append(started, s)
		if err := s.Start(); err != nil {
			return started, err
		}
	}
	return started, nil
}

// demoInventory is the switches as a user would add them.
func demoInventory(fleet []demoSwitch, switches []*iossim.Switch) []api.Device {
	var devices []api.Device
	for i, s := range switches {
		d := fleet[i]
		devices = append(devices, api.Device{
			Name: d.name, Address: s.Addr().String(), Transport: s.Transport(), Site: d.site, Username: demoUser,
			LegacyCrypto: s.LegacyCrypto(),
		})
	}
	return devices
}

// demoSecrets are those of every simulated switch.
func demoSecrets(n *node.Node) (catalog.Secrets, error) {
	password, err := n.Seal(demoPassword)
	if err != nil {
		return catalog.Secrets{}, err
	}
	enable, err := n.Seal(demoEnable)
	return catalog.Secrets{Password: password, EnablePassword: enable}, err
}

func (p *program) demoBackup(ctx context.Context, n *node.Node, fleet []demoSwitch, switches []*iossim.Switch, dir string) error {
	devices := demoInventory(fleet, switches)
	secrets, err := demoSecrets(n)
	if err != nil {
		return err
	}
	for _, d := range devices {
		// A directory of an earlier demonstration knows them already.
		add := n.Catalog.AddDevice
		if _, err := n.Catalog.Device(ctx, d.Name); err == nil {
			add = n.Catalog.UpdateDevice
		}
		if err := add(ctx, d, secrets); err != nil {
			return err
		}
		fmt.Fprintf(p.err, "simulated switch %s: %s on %s\n", d.Name, d.Transport, d.Address)
	}
	err = p.reportBackups(p.runBackups(ctx, n, devices, backup.Options{}))
	if err == nil || errors.Is(err, errDevicesFailed) && ctx.Err() == nil {
		p.tellAround(dir)
	}
	return err
}

// tellAround says where everything is: beside the document when there is one,
// because the directory stays in any case.
func (p *program) tellAround(dir string) {
	out := p.out
	if p.json {
		out = p.err
	}
	fmt.Fprintf(out, `
What was saved is in %[1]s. Look around:
  %[2]s --data %[1]s snapshots
  %[2]s --data %[1]s images
  %[2]s --data %[1]s check --read-data
  find %[1]s/vault -type f
Remove it with: rm -rf %[1]s
`, dir, p.calledAs())
}

// calledAs is how the user can call the program again. What go run builds is
// gone afterwards.
func (p *program) calledAs() string {
	if p.name == "" || strings.Contains(p.name, "/go-build") {
		return "go run ./cmd/flashwarden"
	}
	return p.name
}
