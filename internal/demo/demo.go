// Package demo is a fleet of simulated switches on loopback addresses, and the
// operations of a data directory that knows them. It needs no rights, no network
// and no other software.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/iossim"
	"flashwarden/internal/warden"
	"flashwarden/tftp"
)

// The accounts of the switches, which listen only on loopback.
const (
	user     = "backup"
	password = "demo-login"
	enable   = "demo-enable"
)

// Switch is one simulated device of a fleet.
type Switch struct {
	name, profile, listen, site string
	pace                        int   // bytes per second of its transfers; 0: no limit
	largest                     int64 // the size of larger images, in bytes; 0: they keep theirs
}

// standard is the fleet that a user sees first. Each device has a loopback
// address of its own, as a real device has an address of its own.
var standard = []Switch{
	{"attic-sw1", "c3500xl", "127.0.0.11:0", "old-house", 0, 0},
	{"hq-sw1", "c3750", "127.0.0.12:0", "hq", 0, 0},
	{"hq-core1", "c9300", "127.0.0.13:0", "hq", 0, 0},
}

// Most is how many switches a fleet may have: each has a loopback address of its
// own and takes a few file descriptors.
const Most = 1000

// Choose returns one device for each profile, and the three standard ones for
// none. An unknown profile is an error that lists the known ones.
func Choose(profiles []string) ([]Switch, error) {
	if len(profiles) == 0 {
		return standard, nil
	}
	if err := check(profiles); err != nil {
		return nil, err
	}
	var fleet []Switch
	seen := map[string]int{}
	for i, profile := range profiles {
		name := profile
		if seen[profile]++; seen[profile] > 1 {
			name += fmt.Sprintf("-no%d", seen[profile])
		}
		fleet = append(fleet, Switch{name, profile, listenOf(i), "demo", 0, 0})
	}
	return fleet, nil
}

// ChooseMany returns count devices, sw1 and so on, which have the profiles in turn;
// those of the standard devices for none. Ten devices share a site.
func ChooseMany(profiles []string, count int) ([]Switch, error) {
	if count < 1 || count > Most {
		return nil, fmt.Errorf("%d switches: use a number from 1 to %d", count, Most)
	}
	if err := check(profiles); err != nil {
		return nil, err
	}
	if len(profiles) == 0 {
		for _, s := range standard {
			profiles = append(profiles, s.profile)
		}
	}
	var fleet []Switch
	for i := range count {
		fleet = append(fleet, Switch{fmt.Sprintf("sw%d", i+1), profiles[i%len(profiles)], listenOf(i), fmt.Sprintf("site%d", i/10+1), 0, 0})
	}
	return fleet, nil
}

// check refuses a profile that does not exist.
func check(profiles []string) error {
	for _, profile := range profiles {
		if !slices.Contains(iossim.Profiles(), profile) {
			return fmt.Errorf("no simulated device is called %q; the names are %s", profile, strings.Join(iossim.Profiles(), ", "))
		}
	}
	return nil
}

// listenOf is the address of the device number i, from 0: 127.0.0.11, and after 200
// of them 127.0.1.11.
func listenOf(i int) string { return fmt.Sprintf("127.0.%d.%d:0", i/200, 11+i%200) }

// Demo is a fleet that runs.
type Demo struct {
	Warden  *warden.Local // the operations on the directory of the demonstration
	Devices []api.Device  // as a user would add them

	switches []*iossim.Switch
}

// Start starts the switches, and adds them to the inventory in dir, or changes
// those that an earlier demonstration has left there. The caller closes the Demo,
// also after an error. ctx names the user, as for every operation.
func Start(ctx context.Context, dir string, fleet []Switch, log *slog.Logger) (*Demo, error) {
	cfg := config.Default()
	cfg.TFTP.Listen = "127.0.0.1:0"
	cfg.TFTP.PortRange = tftp.PortRange{} // any free ports
	cfg.TFTP.Advertise = netip.MustParseAddr("127.0.0.1")
	d := &Demo{Warden: warden.New(warden.Options{Data: dir, Config: cfg, Log: log})}
	port, err := d.Warden.TFTPPort(ctx)
	if err != nil {
		return d, err
	}
	for _, s := range fleet {
		if err := d.add(ctx, s, uint16(port)); err != nil {
			return d, err
		}
	}
	return d, nil
}

// A Simulation is a fleet that runs alone, for a person or another program to
// log in to.
type Simulation struct {
	Devices []api.Device // as a user would add them
	Login   Login

	switches []*iossim.Switch
}

// Login is the account of every simulated switch.
type Login struct{ User, Password, Enable string }

// Simulate starts the switches. Their TFTP clients send to tftpPort of this host
// in place of UDP 69. The caller closes the Simulation, also after an error.
func Simulate(fleet []Switch, tftpPort uint16) (*Simulation, error) {
	s := &Simulation{Login: Login{user, password, enable}}
	for _, f := range fleet {
		sw, err := f.start(tftpPort)
		if sw != nil {
			s.switches = append(s.switches, sw)
		}
		if err != nil {
			return s, err
		}
		s.Devices = append(s.Devices, f.device(sw))
	}
	return s, nil
}

// Close stops the switches.
func (s *Simulation) Close() error {
	var err error
	for _, sw := range s.switches {
		err = errors.Join(err, sw.Close())
	}
	return err
}

// device is the running switch as a user would add it.
func (s Switch) device(sw *iossim.Switch) api.Device {
	return api.Device{Name: s.name, Address: sw.Addr().String(), Transport: sw.Transport(), Site: s.site, Username: user, LegacyCrypto: sw.LegacyCrypto()}
}

// start starts one switch. The result is nil only if there is no such profile.
func (s Switch) start(tftpPort uint16) (*iossim.Switch, error) {
	sw, err := iossim.New(s.profile, iossim.Options{
		Hostname: s.name, Username: user, Password: password, EnablePassword: enable, Listen: s.listen, TFTPPort: tftpPort, Pace: s.pace, LargestImage: s.largest,
	})
	if err != nil {
		return nil, err
	}
	return sw, sw.Start()
}

// add starts one switch. It sends its requests to the TFTP port of the
// demonstration in place of UDP 69.
func (d *Demo) add(ctx context.Context, s Switch, tftpPort uint16) error {
	sw, err := s.start(tftpPort)
	if sw != nil {
		d.switches = append(d.switches, sw)
	}
	if err != nil {
		return err
	}
	secret, enabled := password, enable
	change := api.DeviceChange{Password: &secret, EnablePassword: &enabled, Device: s.device(sw)}
	save := d.Warden.AddDevice
	if _, err := d.Warden.Device(ctx, api.Named{Name: s.name}); err == nil {
		save = d.Warden.EditDevice
	}
	added, err := save(ctx, change)
	d.Devices = append(d.Devices, added)
	return err
}

// Close stops the switches and closes the directory.
func (d *Demo) Close() error {
	var err error
	for _, sw := range d.switches {
		err = errors.Join(err, sw.Close())
	}
	return errors.Join(err, d.Warden.Close())
}
