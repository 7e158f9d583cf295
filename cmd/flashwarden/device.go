package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func deviceCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "device",
		Short: "add, import, list, show, edit, remove and test devices",
	}
	cmd.AddCommand(deviceAddCommand(p), deviceListCommand(p), deviceShowCommand(p),
		deviceEditCommand(p), deviceImportCommand(p), deviceRemoveCommand(p), deviceTestCommand(p))
	return cmd
}

// deviceFlags are the flags that describe a device.
type deviceFlags struct {
	api.Device
	passwordFile, enableFile, identityFile string
	viaPasswordFile, viaIdentityFile       string
	hostKeyFile, viaHostKeyFile            string
}

func (f *deviceFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.Address, "address", "", "`HOST[:PORT]` for SSH or Telnet")
	fs.StringVar(&f.Transport, "transport", "ssh", "`HOW` to log in: ssh or telnet")
	fs.StringVar(&f.Username, "username", "", "user `NAME` to log in with")
	fs.StringVar(&f.Credential, "credential", "", "`NAME` of a credential that has the user name and the passwords")
	fs.StringVar(&f.passwordFile, "password-file", "", "`FILE` with the password in its first line, or - for standard input (default: ask on the terminal)")
	fs.StringVar(&f.enableFile, "enable-password-file", "", "`FILE` with the enable password in its first line")
	fs.StringVar(&f.identityFile, "identity-file", "", "`FILE` with a private SSH key, tried before the password; with a key, the password is optional")
	fs.StringVar(&f.Via, "via", "", "`USER@HOST[:PORT]` of a jump host: an SSH server on the way to the device")
	fs.StringVar(&f.viaPasswordFile, "via-password-file", "", "`FILE` with the password for the jump host in its first line")
	fs.StringVar(&f.viaIdentityFile, "via-identity-file", "", "`FILE` with a private SSH key for the jump host")
	fs.StringVar(&f.hostKeyFile, "host-key-file", "", "`FILE` with the SSH host keys to trust, as ssh-keyscan prints them, or - for standard input; they replace the keys that are trusted now")
	fs.StringVar(&f.viaHostKeyFile, "via-host-key-file", "", "`FILE` with the SSH host keys of the jump host")
	fs.BoolVar(&f.LegacyCrypto, "legacy-crypto", false, "for this device only, also accept the insecure SSH algorithms of old IOS (group 1, CBC, SHA-1 signatures)")
	fs.StringVar(&f.Site, "site", "", "`SITE` of the device")
	fs.StringVar(&f.Group, "group", "", "`GROUP` of the device")
	fs.StringVar(&f.TFTPAddress, "tftp-address", "", "`IP` address of this host for the device to copy to (default: the local address of the session)")
	fs.StringVar(&f.VRF, "vrf", "", "`VRF` that the device uses to reach this host")
	fs.StringVar(&f.CopyBy, "copy-by", "", "`HOW` files are copied: tftp, scp-pull, scp, https, or auto: the first of transports.prefer that works (default: the setting of the configuration)")
	fs.StringVar(&f.Files, "files", "", "`WHICH` files to back up: image, rebuild or all (default: the setting of the configuration)")
}

func deviceAddCommand(p *program) *cobra.Command {
	var f deviceFlags
	cmd := &cobra.Command{
		Use:   "add NAME --address HOST[:PORT]",
		Short: "add a device",
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Name = args[0]
			if f.Address == "" {
				return seeHelp(cmd, errors.New("missing --address HOST[:PORT]"))
			}
			if err := f.Device.Validate(); err != nil {
				return usageError{err}
			}
			cfg, err := p.config()
			if err != nil {
				return err
			}
			uses := cfg.Credentials.Of(f.Credential, f.Group, f.Site)
			if err := f.Device.CheckUsername(uses); err != nil {
				return usageError{err}
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				return runAddDevice(ctx, p, w, f, cmd.Flags(), uses != "")
			})
		},
	}
	f.register(cmd.Flags())
	completeDevice(p, cmd)
	return cmd
}

// completeDevice completes the values of the flags that describe a device.
func completeDevice(p *program, cmd *cobra.Command) {
	completeFlag(p, cmd, "group", api.NamesOfGroups)
	completeFlag(p, cmd, "site", api.NamesOfSites)
	completeFlag(p, cmd, "credential", api.NamesOfCredentials)
	completeWords(cmd, "transport", api.SSH, api.Telnet)
	completeWords(cmd, "files", policies...)
	completeWords(cmd, "copy-by", api.CopyAuto, api.CopyTFTP, api.CopySCPPull, api.CopySCP, api.CopyHTTPS)
	noFiles(cmd, "address", "username", "via", "tftp-address", "vrf")
}

// runAddDevice adds a device. shared: it uses a credential.
func runAddDevice(ctx context.Context, p *program, w warden.Warden, f deviceFlags, given *pflag.FlagSet, shared bool) error {
	ask := !given.Changed("password-file") && !shared && (f.identityFile == "" || f.Transport == api.Telnet)
	change, err := change(ctx, p, f, given, api.DeviceDetail{}, ask)
	if err != nil {
		return err
	}
	d, err := w.AddDevice(ctx, change)
	if err != nil {
		return err
	}
	if err := warnOfAddress(ctx, p, w, d); err != nil {
		return err
	}
	return printChange(&p.output, d, "added")
}

// warnOfAddress warns of other devices with the address of d.
func warnOfAddress(ctx context.Context, p *program, w warden.Warden, d api.Device) error {
	all, err := w.Devices(ctx, api.Select{})
	if err != nil {
		return err
	}
	for _, other := range all {
		if d.SharesAddress(other.Device) {
			fmt.Fprintf(p.err, "warning: %s has the same address as %s, %s\n", d.Name, other.Name, d.Address)
		}
	}
	return nil
}

// printChange prints that a device was added or changed.
func printChange(o *output, d api.Device, done string) error {
	return o.done(d, func(terminal.Layout) string {
		return fmt.Sprintf("Device %s %s; try `flashwarden device test %s`\n", d.Name, done, d.Name)
	}, nil)
}

func deviceListCommand(p *program) *cobra.Command {
	var filter api.Select
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the devices: software, last backup, last failure",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return do(p, cmd, warden.Warden.Devices, filter, func(o *output, devices []api.DeviceRow) error { return printDevices(o, filter, devices) })
		},
	}
	wideFlag(cmd, &p.output)
	whereFlags(p, cmd, &filter)
	return cmd
}

// noDevices is what status and device list print about an empty inventory.
const noDevices = "No devices yet. Add one: `flashwarden device add NAME --address HOST --username USER`"

// printDevices prints the devices of a selection with the facts from their backups.
func printDevices(o *output, filter api.Select, devices []api.DeviceRow) error {
	if len(devices) == 0 && !o.json {
		text := noDevices
		if filter.Group+filter.Site != "" {
			text = "No device matches; see all with " + api.Do("device list").String()
		}
		return o.nothing(text)
	}
	slices.SortFunc(devices, func(a, b api.DeviceRow) int { return api.CompareNames(a.Name, b.Name) })
	return o.answer(listOf("devices", devices), terminal.Devices(devices, time.Now()).Format, nil)
}

func deviceShowCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "show one device: settings, protection, last runs",
		ValidArgsFunction: completeNames(p, api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			return do(p, cmd, warden.Warden.Device, api.Named{Name: args[0]}, printDevice)
		},
	}
}

func printDevice(o *output, d api.DeviceDetail) error {
	document := struct {
		api.Device
		Status api.DeviceStatus `json:"status"`
		Runs   []api.Run        `json:"runs"`
	}{d.Device, d.Status, append([]api.Run{}, d.Runs...)}
	return o.answer(document, func(l terminal.Layout) string { return terminal.FormatFields(terminal.DeviceFields(d, time.Now()), l) }, nil)
}

func deviceRemoveCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:               "remove NAME...",
		Short:             "remove devices; their snapshots stay in the vault",
		ValidArgsFunction: completeNames(p, api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			return do(p, cmd, warden.Warden.RemoveDevices, api.Select{Names: args}, printRemoved)
		},
	}
}

func printRemoved(o *output, devices []api.Device) error {
	return o.done(listOf("devices", devices), func(l terminal.Layout) string {
		var b strings.Builder
		for _, d := range devices {
			fmt.Fprintf(&b, "Device %s removed\n", d.Name)
		}
		name := devices[0].Name
		fmt.Fprintf(&b, "Snapshots stay in the vault. If there are any: `flashwarden snapshots %s` lists them, `flashwarden export %s -o DIR` copies the files out. "+
			"To restore them, add the device again under its name, then run `flashwarden restore %s`", name, name, name)
		return l.Prose("", b.String())
	}, nil)
}

func deviceTestCommand(p *program) *cobra.Command {
	var selected api.Select
	var all bool
	cmd := &cobra.Command{
		Use:               "test [NAME...]",
		Short:             "log in, read model and version, and change nothing",
		ValidArgsFunction: completeNames(p, api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			selected.Names = args
			if err := warden.CheckSelect(selected, all); err != nil {
				return err
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error { return runTestDevices(ctx, p, w, selected) })
		},
	}
	selectFlags(p, cmd, &selected, &all)
	return cmd
}

func runTestDevices(ctx context.Context, p *program, w warden.Warden, s api.Select) error {
	if err := p.confirmHostKeys(ctx, w, s); err != nil {
		return err
	}
	show := p.showFleet()
	results, err := w.TestDevices(ctx, s, show.Event)
	show.Close()
	if err != nil {
		return err
	}
	var hints []string
	for _, one := range results {
		hints = append(hints, one.Hint)
	}
	p.readInventory(ctx, w, hints)
	return printTests(&p.output, results)
}

// printTests prints the results; its error chooses the exit code. With --quiet it
// prints only failures, on standard error.
func printTests(o *output, results []api.TestResult) error {
	var err, failed error
	if slices.ContainsFunc(results, func(r api.TestResult) bool { return r.Status != api.StatusOK }) {
		failed = errDevicesFailed
	}
	if o.json {
		slices.SortStableFunc(results, func(a, b api.TestResult) int { return api.CompareNames(a.Device, b.Device) })
		err = writeJSON(o, map[string]any{"results": results})
	}
	switch {
	case o.quiet:
		fmt.Fprint(o.err, terminal.Tests(results).Failures(o.layoutErr()))
	case !o.json:
		err = o.page(terminal.Tests(results).Format(o.layout()))
	}
	return errors.Join(err, failed)
}
