package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

// setupFlags are the flags of setup that are not part of its request.
type setupFlags struct {
	device           deviceFlags
	name             string // of the device
	userPasswordFile string
	answers          string
	dryRun, yes      bool
}

func setupCommand(p *program) *cobra.Command {
	var r api.Setup
	var f setupFlags
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "prepare this host, add the first device and the first user",
		RunE:  func(cmd *cobra.Command, _ []string) error { return runSetup(cmd, p, &r, &f) },
	}
	fs := cmd.Flags()
	f.device.register(fs)
	fs.StringVar(&f.name, "device", "", "`NAME` of the first device; its settings are the flags of device add")
	fs.StringVar(&r.User, "user", "", "`NAME` of the first user of the page, an admin")
	fs.StringVar(&f.userPasswordFile, "user-password-file", "", "`FILE` with the password of that user in its first line; - for standard input")
	fs.StringVar(&r.Advertise, "advertise", "", "`IP` address of this host that the devices reach (default: the local address of each session)")
	fs.StringVar(&r.Listen, "listen", "", "`[IP]:PORT` of the TFTP server; the rules of firewall redirect UDP 69 to another port (default :69)")
	fs.StringVar(&r.Schedule, "schedule", "", "`WHEN` the service backs up all devices (default \"daily 02:00\")")
	fs.StringVar(&r.WebListen, "web-listen", "", "`[IP]:PORT` of the page; other machines can reach it only with --web-tls (default 127.0.0.1:8480)")
	fs.StringVar(&r.WebTLS, "web-tls", "", "`HOW` the page gets its certificate: self-signed")
	fs.BoolVar(&r.StopTFTPD, "stop-tftpd", false, "stop the TFTP server that has the port, such as tftpd-hpa, and keep it off")
	fs.StringVar(&r.KeepTFTPD, "keep-tftpd", "", "second `IP` address of this host, at which the directory of the stopped server stays served")
	fs.StringVar(&r.Images, "images", "", "`DIR` whose files go into the vault, such as /srv/tftp")
	fs.StringVar(&f.answers, "answers", "", "YAML `FILE` with values for these flags, by their names")
	fs.BoolVar(&f.dryRun, "dry-run", false, "only print the plan")
	fs.BoolVar(&f.yes, "yes", false, "ask nothing")
	completeDevice(p, cmd)
	completeWords(cmd, "web-tls", config.SelfSigned)
	noFiles(cmd, "device", "user", "advertise", "listen", "schedule", "web-listen", "keep-tftpd")
	return cmd
}

// runSetup looks, asks, plans, shows the plan, asks again, and applies it.
func runSetup(cmd *cobra.Command, p *program, r *api.Setup, f *setupFlags) error {
	if err := readAnswers(cmd.Flags(), f.answers); err != nil {
		return usageError{err}
	}
	p.signals.alsoHangup()
	p.doing = doing(cmd)
	ctx := warden.As(cmd.Context(), warden.Owner(userName()))
	s, err := p.newSetup()
	if err != nil {
		return err
	}
	if err := p.completeAnswers(ctx, s, r, f, cmd.Flags()); err != nil {
		return err
	}
	plan, err := s.Plan(ctx, *r)
	if err != nil {
		return err
	}
	if !p.quiet || len(plan.Refusals) > 0 {
		fmt.Fprint(p.err, terminal.FormatSetup(plan, p.layoutErr()))
	}
	switch {
	case len(plan.Refusals) > 0:
		return errors.Join(p.setupDocument(api.SetupResult{Plan: plan, Done: []string{}}), errRefused)
	case f.dryRun:
		return p.setupDocument(api.SetupResult{Plan: plan, Done: []string{}})
	}
	secrets, err := p.setupSecrets(ctx, plan, *f, cmd.Flags())
	if err != nil {
		return err
	}
	if changes(plan) && !f.yes && !p.confirm(ctx, "Do this?") {
		p.tell("", "Nothing was changed. Run it again on a terminal and answer y, or add --yes; --dry-run only prints the plan")
		return errors.Join(p.setupDocument(api.SetupResult{Plan: plan, Done: []string{}}), errRefused)
	}
	result, err := s.Apply(ctx, plan, secrets, func(step api.SetupStep) {
		if !p.quiet {
			p.tell("", "done: "+step.What)
		}
	})
	if err != nil {
		return err
	}
	return p.setupResult(result)
}

// changes reports whether a plan changes anything.
func changes(plan api.SetupPlan) bool {
	return slices.ContainsFunc(plan.Steps, func(s api.SetupStep) bool { return s.Kind != api.SetupTest })
}

// newSetup returns the setup of this host. The file of the configuration need not exist.
func (p *program) newSetup() (warden.Setup, error) {
	dir, err := p.dataDir()
	if err != nil {
		return warden.Setup{}, err
	}
	file := p.configFile
	if file == "" && os.Geteuid() == 0 {
		file = p.etc
	}
	if file != "" {
		if file, err = filepath.Abs(file); err != nil {
			return warden.Setup{}, err
		}
	}
	given := p.configFile
	present := func() (config.Config, error) {
		p.configFile = given
		if _, err := os.Stat(given); errors.Is(err, os.ErrNotExist) {
			p.configFile = "" // it is written later
		}
		return p.config()
	}
	connect := func(ctx context.Context) (warden.Warden, error) {
		if _, err := present(); err != nil {
			return nil, err
		}
		return p.warden(ctx)
	}
	return warden.Setup{Data: dir, File: file, Config: present, Connect: connect}, nil
}

// readAnswers sets the flags that a file has, unless the command line has them.
func readAnswers(fs *pflag.FlagSet, file string) error {
	if file == "" {
		return nil
	}
	answers, err := config.Answers(file)
	if err != nil {
		return err
	}
	for _, a := range answers {
		flag := fs.Lookup(a.Key)
		switch {
		case flag == nil || a.Key == "answers" || a.Key == "help":
			return fmt.Errorf("%s: no flag of setup is called %q", file, a.Key)
		case flag.Changed:
			continue
		}
		if err := fs.Set(a.Key, a.Value); err != nil {
			return fmt.Errorf("%s: %s: %w", file, a.Key, err)
		}
	}
	return nil
}

// completeAnswers asks for the answers that the flags leave open, if there is a terminal.
func (p *program) completeAnswers(ctx context.Context, s warden.Setup, r *api.Setup, f *setupFlags, given *pflag.FlagSet) error {
	if terminal.IsTerminal(p.in) && !f.yes {
		host, err := s.Look(ctx, *r)
		if err != nil {
			return err
		}
		if err := p.askSetup(ctx, host, r, f, given); err != nil {
			return err
		}
	}
	if f.name == "" {
		if given.Changed("address") || given.Changed("username") {
			return usageError{errors.New("--address and --username are of a device: give its name with --device NAME")}
		}
	} else if f.device.Name = f.name; f.device.Address == "" {
		return usageError{errors.New("missing --address HOST[:PORT] of the device " + f.name)}
	} else {
		r.Device = &f.device.Device
	}
	if r.Images != "" {
		var err error
		if r.Images, err = filepath.Abs(r.Images); err != nil {
			return err
		}
	}
	return nil
}

// askSetup asks what setup cannot find out.
func (p *program) askSetup(ctx context.Context, host api.SetupHost, r *api.Setup, f *setupFlags, given *pflag.FlagSet) error {
	if o := host.Other; o != nil && !given.Changed("stop-tftpd") && o.Unit != "" {
		r.StopTFTPD = p.confirm(ctx, fmt.Sprintf("%s has UDP %s. Stop it, and keep it off?", o.Name, host.Listen))
		if r.StopTFTPD && o.Files > 0 && r.Images == "" && p.confirm(ctx, fmt.Sprintf("Take its %s (%s) in %s into the vault?", terminal.Count(o.Files, "file"), terminal.Bytes(o.Bytes), o.Directory)) {
			r.Images = o.Directory
		}
	}
	var questions []openAnswer
	if len(host.Devices) == 0 && f.name == "" {
		questions = append(questions, openAnswer{"Name of the first device, such as sw1 (empty: none): ", &f.name, nil},
			openAnswer{"Its address: ", &f.device.Address, &f.name}, openAnswer{"User name on it: ", &f.device.Username, &f.name})
	}
	if len(host.Users) == 0 {
		questions = append(questions, openAnswer{"Name of the first user of the page (empty: none): ", &r.User, nil})
	}
	for _, q := range questions {
		if *q.answer != "" || q.needs != nil && *q.needs == "" {
			continue
		}
		var err error
		if *q.answer, err = p.ask(ctx, q.text); err != nil {
			return err
		}
	}
	return nil
}

// openAnswer is a line to ask for, if the answer that it needs is not empty.
type openAnswer struct {
	text          string
	answer, needs *string
}

// setupSecrets reads the secrets that the steps of a plan need.
func (p *program) setupSecrets(ctx context.Context, plan api.SetupPlan, f setupFlags, given *pflag.FlagSet) (s api.SetupSecrets, err error) {
	for _, step := range plan.Steps {
		switch step.Kind {
		case api.SetupDevice:
			var c config.Config
			if c, err = p.config(); err == nil {
				uses := c.Credentials.Of(f.device.Credential, f.device.Group, f.device.Site)
				if err := f.device.CheckUsername(uses); err != nil {
					return s, usageError{err}
				}
				ask := !given.Changed("password-file") && uses == "" && (f.device.identityFile == "" || f.device.Transport == api.Telnet)
				s.Device, err = change(ctx, p, f.device, given, api.DeviceDetail{}, ask)
			}
		case api.SetupUser:
			s.UserPassword, err = p.newPassword(ctx, f.userPasswordFile, step.User)
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// setupDocument prints a result with --json.
func (p *program) setupDocument(r api.SetupResult) error {
	if !p.json {
		return nil
	}
	refusals := []map[string]string{}
	for _, one := range r.Plan.Refusals {
		refusals = append(refusals, map[string]string{"message": one.Detail, "hint": one.Fix.String()})
	}
	r.Plan.Refusals = nil
	return writeJSON(&p.output, struct {
		api.SetupResult
		Refusals []map[string]string `json:"refusals"`
	}{r, refusals})
}

// setupResult prints the result. A device that does not answer, and a file that was not imported,
// choose the exit code.
func (p *program) setupResult(r api.SetupResult) error {
	var failed error
	if slices.ContainsFunc(r.Tests, func(t api.TestResult) bool { return t.Status != api.StatusOK }) ||
		slices.ContainsFunc(r.Imported, func(f api.ImportedFile) bool { return f.Status == api.StatusFailed }) {
		failed = errDevicesFailed
	}
	if p.quiet && !p.json {
		fmt.Fprint(p.err, terminal.Tests(r.Tests).Failures(p.layoutErr()), terminal.Imports(r.Imported).Failures())
		return failed
	}
	if p.json {
		return errors.Join(p.setupDocument(r), failed)
	}
	_, err := fmt.Fprint(p.out, terminal.FormatSetupResult(r, p.layout()))
	return errors.Join(err, failed)
}
