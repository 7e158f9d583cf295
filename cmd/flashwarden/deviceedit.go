package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func deviceEditCommand(p *program) *cobra.Command {
	var f deviceFlags
	var selected api.Select
	var all bool
	var failed string
	cmd := &cobra.Command{
		Use:               "edit [NAME...]",
		Short:             "change devices",
		ValidArgsFunction: completeNames(p, api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			selected.Names = args
			if err := checkEdit(cmd, selected, all, failed); err != nil {
				return err
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				return runEditDevices(ctx, p, w, selected, api.Cause(failed), cmd.Flags())
			})
		},
	}
	f.registerEdit(cmd.Flags())
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { // the default is the present value
		if flag.Value.Type() == "string" {
			flag.DefValue = ""
		}
		flag.Usage, _, _ = strings.Cut(flag.Usage, " (default: ")
	})
	cmd.Flags().BoolVar(&all, "all", false, "change all devices of the inventory")
	cmd.Flags().StringVar(&selected.Group, "in-group", "", "change the devices of this `GROUP`")
	cmd.Flags().StringVar(&selected.Site, "in-site", "", "change the devices at this `SITE`")
	cmd.Flags().StringVar(&failed, "failed", "", "change the devices whose last backup failed with this `CAUSE`, for example no_common_algorithm")
	completeDevice(p, cmd)
	completeWords(cmd, "failed", causes()...)
	completeFlag(p, cmd, "in-group", api.NamesOfGroups)
	completeFlag(p, cmd, "in-site", api.NamesOfSites)
	return cmd
}

// registerEdit registers the flags that change a device.
func (f *deviceFlags) registerEdit(fs *pflag.FlagSet) {
	f.register(fs)
	fs.Bool("forget-host-key", false, "remove the trusted SSH host keys; the next login trusts the new key, if ssh.unknown-hosts permits it")
	fs.Bool("forget-via-host-key", false, "remove the trusted SSH host keys of the jump host")
}

// causes are the words that --failed takes.
func causes() []string {
	var words []string
	for _, c := range cause.All() {
		words = append(words, string(c))
	}
	return words
}

// checkEdit refuses a selection that makes no sense.
func checkEdit(cmd *cobra.Command, s api.Select, all bool, failed string) error {
	some := len(s.Names) > 0 || s.Group != "" || s.Site != "" || failed != ""
	switch {
	case !some && !all:
		return seeHelp(cmd, errors.New("missing NAME, or --all, --in-group, --in-site or --failed"))
	case some && all:
		return usageError{errors.New("--all already means every device: leave out the names, --in-group, --in-site and --failed")}
	case failed != "" && !slices.Contains(causes(), failed):
		return usageError{fmt.Errorf("--failed: unknown cause %q%s", failed, meant(causes(), failed, ""))}
	case len(s.Names) != 1 && cmd.Flags().Changed("address"):
		return usageError{errors.New("--address is for one device: each has an address of its own")}
	case len(s.Names) != 1 && cmd.Flags().Changed("host-key-file"):
		return usageError{errors.New("--host-key-file is for one device: each has a key of its own")}
	}
	return nil
}

// runEditDevices changes devices. It changes none if one of the changes is wrong.
func runEditDevices(ctx context.Context, p *program, w warden.Warden, s api.Select, failed api.Cause, given *pflag.FlagSet) error {
	rows, err := w.Devices(ctx, s)
	if err != nil {
		return err
	}
	if failed != "" {
		rows = slices.DeleteFunc(rows, func(d api.DeviceRow) bool { return d.FailedBy() != failed })
		if len(rows) == 0 {
			return &api.Problem{Detail: fmt.Sprintf("no device whose last backup failed with %s", failed), Fix: api.Do("status").Say(" shows the devices at risk"), Exit: api.ExitUnknown}
		}
	}
	if len(rows) == 0 {
		return usageError{errors.New("the inventory has no devices yet: add one with `flashwarden device add NAME --address HOST`")}
	}
	changes, err := editsOf(ctx, p, w, rows, given)
	if err != nil {
		return err
	}
	var edited []api.Device
	for _, c := range changes {
		d, err := w.EditDevice(ctx, c)
		if err != nil {
			return err
		}
		if err := warnOfAddress(ctx, p, w, d); err != nil {
			return err
		}
		edited = append(edited, d)
	}
	return printEdited(&p.output, s, failed, edited)
}

// editsOf returns the changes of devices. Secrets are read once, for all of them.
func editsOf(ctx context.Context, p *program, w warden.Warden, rows []api.DeviceRow, given *pflag.FlagSet) ([]api.DeviceChange, error) {
	var changes []api.DeviceChange
	for i, row := range rows {
		f, err := flagsOver(row.Device, given)
		if err != nil {
			return nil, usageError{err}
		}
		c := api.DeviceChange{}
		if i == 0 {
			detail, err := w.Device(ctx, api.Named{Name: row.Name})
			if err != nil {
				return nil, err
			}
			if c, err = change(ctx, p, f, given, detail, false); err != nil {
				return nil, err
			}
		} else {
			c = changes[0]
		}
		c.Device = f.Device
		changes = append(changes, c)
	}
	return changes, nil
}

// flagsOver returns d with the flags that were given set over its own values.
func flagsOver(d api.Device, set *pflag.FlagSet) (deviceFlags, error) {
	f := deviceFlags{}
	again := pflag.NewFlagSet("edit", pflag.ContinueOnError)
	f.registerEdit(again)
	f.Device = d // after register, which sets defaults
	var err error
	changed := false
	set.Visit(func(flag *pflag.Flag) {
		if again.Lookup(flag.Name) != nil {
			changed = true
			err = errors.Join(err, again.Set(flag.Name, flag.Value.String()))
		}
	})
	if err == nil && !changed {
		err = errors.New("nothing to change; see `flashwarden device edit --help`")
	}
	return f, errors.Join(err, f.Device.Validate())
}

// mostTested is how many devices the next step after a change names.
const mostTested = 10

func printEdited(o *output, s api.Select, failed api.Cause, devices []api.Device) error {
	if len(devices) == 1 {
		return printChange(o, devices[0], "changed")
	}
	test := api.Do("device test", s.Names...)
	switch {
	case failed != "" && len(devices) <= mostTested:
		test = api.Do("device test", namesOf(devices)...)
	case failed != "":
		test = api.Do("device test").With("all", "")
	case s.Group != "" || s.Site != "":
		for _, option := range []api.CallOption{{Name: "group", Value: s.Group}, {Name: "site", Value: s.Site}} {
			if option.Value != "" {
				test = test.With(option.Name, option.Value)
			}
		}
	case len(s.Names) == 0:
		test = test.With("all", "")
	}
	text := fmt.Sprintf("%d devices changed; try %s", len(devices), test)
	return o.done(listOf("devices", devices), func(l terminal.Layout) string { return l.Prose("", text) }, nil)
}

func namesOf(devices []api.Device) []string {
	var names []string
	for _, d := range devices {
		names = append(names, d.Name)
	}
	return names
}
