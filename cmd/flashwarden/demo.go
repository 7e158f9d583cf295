package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/iossim"
	"flashwarden/internal/warden"
	"flashwarden/tftp"
)

// The accounts of the demonstration. The switches are simulated and listen
// only on loopback.
const (
	demoUser     = "backup"
	demoPassword = "demo-login"
	demoEnable   = "demo-enable"
)

// demoSwitch is one device of the demonstration.
type demoSwitch struct{ name, profile, listen, site string }

// demoSwitches are the devices of the demonstration by default. Each has a
// loopback address of its own, as a real device has an address of its own.
var demoSwitches = []demoSwitch{
	{"attic-sw1", "c3500xl", "127.0.0.11:0", "old-house"},
	{"hq-sw1", "c3750", "127.0.0.12:0", "hq"},
	{"hq-core1", "c9300", "127.0.0.13:0", "hq"},
}

// switchesOf returns one device for each profile that the user chose.
func switchesOf(profiles []string) ([]demoSwitch, error) {
	if len(profiles) == 0 {
		return demoSwitches, nil
	}
	var all []demoSwitch
	for i, profile := range profiles {
		if !slices.Contains(iossim.Profiles(), profile) {
			return nil, fmt.Errorf("no simulated device is called %q; the names are %s", profile, strings.Join(iossim.Profiles(), ", "))
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

func demoCommand(p *program) *cobra.Command {
	var dir string
	var profiles []string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "back up three simulated switches, all on this machine",
		Long: `demo starts three simulated switches on loopback addresses and backs them up over
real SSH, Telnet and TFTP. Then it prints the results, and commands to look at
them. It needs no root, no network and no other software. The backups stay in a
temporary directory until you remove it.

With --profile, choose the simulated devices yourself:
` + profileList(),
		Example: "  flashwarden demo\n  flashwarden demo --dir ./demo\n  flashwarden demo --profile c2960x-stack --profile isr2900",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			fleet, err := switchesOf(profiles)
			if err != nil {
				return usageError{err}
			}
			if dir != "" {
				return runDemo(cmd.Context(), p, dir, fleet)
			}
			temporary, err := os.MkdirTemp("", "flashwarden-demo-")
			if err != nil {
				return err
			}
			err = runDemo(cmd.Context(), p, temporary, fleet)
			if err != nil && (!errors.Is(err, errDevicesFailed) || cmd.Context().Err() != nil) {
				return errors.Join(err, os.RemoveAll(temporary)) // leave no unfinished directory
			}
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "`DIR` for the backups (default: a new temporary directory)")
	cmd.Flags().StringArrayVar(&profiles, "profile", nil, "`NAME` of a simulated device to back up; may be repeated")
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

func runDemo(ctx context.Context, p *program, dir string, fleet []demoSwitch) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	cfg := config.Default()
	cfg.TFTP.Listen = "127.0.0.1:0"
	cfg.TFTP.PortRange = tftp.PortRange{} // any free ports
	cfg.TFTP.Advertise = netip.MustParseAddr("127.0.0.1")
	ctx = warden.As(ctx, warden.Admin(userName(), "terminal"))
	w := warden.New(warden.Options{Data: dir, Config: cfg, Log: p.log()})
	switches, err := startSwitches(ctx, w, fleet)
	if err == nil {
		err = demoBackup(p, ctx, w, fleet, switches, dir)
	}
	for _, s := range switches {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, w.Close())
}

// startSwitches starts the simulated switches. They send their requests to the
// TFTP port of the demonstration in place of UDP 69.
func startSwitches(ctx context.Context, w *warden.Local, fleet []demoSwitch) ([]*iossim.Switch, error) {
	port, err := w.TFTPPort(ctx)
	if err != nil {
		return nil, err
	}
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

// demoDevice is a simulated switch as a user would add it.
func demoDevice(d demoSwitch, s *iossim.Switch) api.DeviceChange {
	password, enable := demoPassword, demoEnable
	return api.DeviceChange{Password: &password, EnablePassword: &enable, Device: api.Device{
		Name: d.name, Address: s.Addr().String(), Transport: s.Transport(), Site: d.site, Username: demoUser, LegacyCrypto: s.LegacyCrypto(),
	}}
}

func demoBackup(p *program, ctx context.Context, w warden.Warden, fleet []demoSwitch, switches []*iossim.Switch, dir string) error {
	r := api.Backup{}
	for i, s := range switches {
		d := demoDevice(fleet[i], s)
		save := w.AddDevice
		if _, err := w.Device(ctx, api.Named{Name: d.Device.Name}); err == nil {
			save = w.EditDevice // the directory of an earlier demonstration already has the device
		}
		if _, err := save(ctx, d); err != nil {
			return err
		}
		r.Names = append(r.Names, d.Device.Name)
		fmt.Fprintf(p.err, "simulated switch %s: %s on %s\n", d.Device.Name, d.Device.Transport, d.Device.Address)
	}
	err := runBackup(ctx, p, w, r)
	if err == nil || errors.Is(err, errDevicesFailed) && ctx.Err() == nil {
		printAround(p, dir)
	}
	return err
}

// printAround prints where the backups are, and commands to look at them. With
// --json it prints on standard error, beside the document.
func printAround(p *program, dir string) {
	out := p.out
	if p.json {
		out = p.err
	}
	fmt.Fprintf(out, `
The backups are in %[1]s. To look at them:
  %[2]s --data %[1]s snapshots
  %[2]s --data %[1]s images
  %[2]s --data %[1]s check --read-data
  find %[1]s/vault -type f
To remove them: rm -rf %[1]s
`, dir, p.calledAs())
}

// calledAs is how the user can call the program again. The program that
// `go run` builds is deleted when it ends.
func (p *program) calledAs() string {
	if p.name == "" || strings.Contains(p.name, "/go-build") {
		return "go run ./cmd/flashwarden"
	}
	return p.name
}
