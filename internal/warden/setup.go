package warden

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/disk"
	"flashwarden/internal/node"
	"flashwarden/internal/setup"
)

// Setup prepares a host for its first backup. It runs in the process of the user, because a
// service may not change the host. What belongs into the data directory is done by the operations
// of Connect: those of the service, if one runs.
type Setup struct {
	Data    string                                    // the data directory
	File    string                                    // of the configuration, which need not exist; empty: none
	Config  func() (config.Config, error)             // reads the present configuration
	Connect func(ctx context.Context) (Warden, error) // with the present configuration
	// Run runs a line on this host and returns its output; nil: setup.Run.
	Run func(ctx context.Context, line string) (string, error)
}

// Look reads the host, as far as the answers r need it. It changes nothing.
func (s Setup) Look(ctx context.Context, r api.Setup) (api.SetupHost, error) {
	h, err := s.look(ctx, r)
	return h.SetupHost, err
}

func (s Setup) look(ctx context.Context, r api.Setup) (setup.Host, error) {
	c, err := s.Config()
	if err != nil {
		return setup.Host{}, err
	}
	h, err := setup.Look(ctx, setup.Place{Data: s.Data, Config: s.File, Listen: cmp.Or(setup.ListenFor(r), c.TFTP.Listen), Images: r.Images, Run: s.Run})
	if err != nil {
		return h, err
	}
	if h.NewData = errors.Is(node.HasCatalog(s.Data, c), fs.ErrNotExist); h.NewData {
		return h, nil
	}
	return h, s.known(ctx, &h)
}

// known reads what the data directory has already, if this user or the service can read it.
func (s Setup) known(ctx context.Context, h *setup.Host) (err error) {
	w, err := s.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	local, alone := w.(*Local)
	if alone && h.Owner != "" { // the service will know it
		return nil
	}
	rows, err := w.Devices(ctx, api.Select{})
	if err != nil {
		return err
	}
	for _, row := range rows {
		h.Devices = append(h.Devices, row.Device)
	}
	users, err := w.Users(ctx)
	for _, u := range users {
		h.Users = append(h.Users, u.Name)
	}
	if err == nil && alone {
		h.NewData, err = local.node.NoVault(ctx)
	}
	return err
}

// Plan returns what Apply will do. A plan that cannot be done has refusals.
func (s Setup) Plan(ctx context.Context, r api.Setup) (api.SetupPlan, error) {
	if r.Device != nil {
		if err := r.Device.Validate(); err != nil {
			return api.SetupPlan{}, err
		}
	}
	if r.User != "" {
		if err := checkPersonName(r.User); err != nil {
			return api.SetupPlan{}, wrongField("user", "%s", AsProblem(err).Detail)
		}
	}
	if err := config.CheckValues(setup.Values(r)); err != nil {
		return api.SetupPlan{}, err
	}
	h, err := s.look(ctx, r)
	if err != nil {
		return api.SetupPlan{}, err
	}
	return setup.Plan(h, r), nil
}

// Apply does the steps of a plan in their order, and calls done with each step that is done. A step that fails ends
// it; a device that does not answer and a file that cannot be imported do not. Whatever was done
// stays, and the same setup goes on from there.
func (s Setup) Apply(ctx context.Context, p api.SetupPlan, secrets api.SetupSecrets, done func(api.SetupStep)) (r api.SetupResult, err error) {
	a := applying{Setup: s, secrets: secrets, result: api.SetupResult{Plan: p, Done: []string{}}}
	defer func() { err = errors.Join(err, a.close()) }()
	if len(p.Refusals) > 0 {
		return a.result, &p.Refusals[0]
	}
	for _, step := range p.Steps { // before anything is changed
		if step.Kind != api.SetupUser {
			continue
		}
		if err := checkUser(api.UserChange{Name: step.User, Role: api.RoleAdmin, Password: secrets.UserPassword}, true); err != nil {
			return a.result, err
		}
	}
	for _, step := range p.Steps {
		if err := a.step(ctx, step); err != nil {
			return a.result, fmt.Errorf("%s: %w", step.What, err)
		}
		a.result.Done = append(a.result.Done, step.What)
		done(step)
	}
	return a.result, a.end(ctx)
}

// applying is one plan that is being applied.
type applying struct {
	Setup
	secrets api.SetupSecrets
	warden  Warden // nil: not connected
	result  api.SetupResult
}

func (a *applying) close() error {
	if a.warden == nil {
		return nil
	}
	return a.warden.Close()
}

// connected returns the operations. The steps that change the host come before the first call.
func (a *applying) connected(ctx context.Context) (Warden, error) {
	var err error
	if a.warden == nil {
		a.warden, err = a.Connect(ctx)
	}
	return a.warden, err
}

func (a *applying) step(ctx context.Context, step api.SetupStep) error {
	switch step.Kind {
	case api.SetupRun:
		return a.run(ctx, step.Lines)
	case api.SetupWrite:
		return replace(step)
	}
	w, err := a.connected(ctx)
	if err != nil {
		return err
	}
	switch step.Kind {
	case api.SetupData:
		if local, ok := w.(*Local); ok { // else the service has made it
			_, err = local.TFTPPort(ctx)
		}
	case api.SetupImages:
		a.result.Imported, err = w.Import(ctx, api.Import{Dir: step.Path}, nil)
	case api.SetupDevice:
		err = a.addDevice(ctx, w, *step.Device)
	case api.SetupTest:
		a.result.Tests, err = w.TestDevices(ctx, api.Select{Names: []string{step.Device.Name}}, nil)
	case api.SetupUser:
		err = a.addUser(ctx, w, step.User)
	default:
		err = Invalid("unknown step %q", step.Kind)
	}
	return err
}

// run types lines on this host.
func (a *applying) run(ctx context.Context, lines []string) error {
	run := a.Run
	if run == nil {
		run = setup.Run
	}
	for _, line := range lines {
		if _, err := run(ctx, line); err != nil {
			return cause.Wrap(cause.Internal, err, "a command failed", api.Say("find the reason with ").Type(api.OnHost, "journalctl --lines=20").Say(", then run the setup again: it goes on from here"))
		}
	}
	return nil
}

// replace writes a file, if it is still as the plan saw it.
func replace(step api.SetupStep) error {
	path, mode, owner := step.Path, fs.FileMode(0o644), (*syscall.Stat_t)(nil)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && step.Was == "":
		err = disk.MkdirAll(disk.OS{}, filepath.Dir(path), 0o755)
	case errors.Is(err, fs.ErrNotExist), err == nil && setup.Sum(text) != step.Was:
		return conflict(api.Say("run it again"), "%s has changed since the plan was made", path)
	case err == nil:
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
		var info fs.FileInfo
		if info, err = os.Stat(path); err == nil {
			mode = info.Mode().Perm()
			owner, _ = info.Sys().(*syscall.Stat_t)
		}
	}
	if err == nil {
		err = disk.WriteFile(disk.OS{}, path, []byte(step.Text), mode)
	}
	if err == nil && owner != nil && int(owner.Uid) != os.Geteuid() {
		err = os.Chown(path, int(owner.Uid), int(owner.Gid))
	}
	return err
}

// addDevice adds a device, unless a service that was not there for the plan knows it.
func (a *applying) addDevice(ctx context.Context, w Warden, d api.Device) error {
	rows, err := w.Devices(ctx, api.Select{})
	if err != nil {
		rows = nil // there is no data directory yet, or AddDevice has the same error
	}
	if slices.ContainsFunc(rows, func(row api.DeviceRow) bool { return row.Name == d.Name && row.Address == d.Address }) {
		return nil
	}
	change := a.secrets.Device
	change.Device = d
	_, err = w.AddDevice(ctx, change)
	return err
}

// addUser adds an admin, unless there is a user of that name.
func (a *applying) addUser(ctx context.Context, w Warden, name string) error {
	users, err := w.Users(ctx)
	if err == nil && slices.ContainsFunc(users, func(u api.User) bool { return u.Name == name }) {
		return nil
	}
	_, err = w.AddUser(ctx, api.UserChange{Name: name, Role: api.RoleAdmin, Password: a.secrets.UserPassword})
	return err
}

// end says what the user needs next.
func (a *applying) end(ctx context.Context) error {
	c, err := a.Config()
	if err != nil {
		return err
	}
	w, err := a.connected(ctx)
	if err != nil {
		return err
	}
	devices, err := w.Devices(ctx, api.Select{})
	if err != nil {
		return err
	}
	if len(devices) > 0 {
		rules, err := w.Firewall(ctx, api.Firewall{Format: a.result.Plan.Host.Firewall})
		if err != nil {
			return fmt.Errorf("all steps are done, but there are no rules for the firewall: %w", err)
		}
		a.result.Firewall = append(a.result.Firewall, rules)
	}
	a.result.Page = page(c.Web)
	next := api.Do("device import", "FILE").Say(" adds the devices of a list, ").Do("device add", "NAME").With("address", "HOST").With("username", "USER").Say(" adds one")
	if len(devices) > 0 {
		next = api.Do("backup").With("all", "").Say(" backs up all devices")
	}
	if a.result.Plan.Host.Service == "" {
		next = next.Say("; ").Do("serve").Say(" backs up every night, and has the page")
	}
	a.result.Next = next.String()
	return nil
}

// page is the address of the page; empty: there is none.
func page(w config.Web) string {
	host, port, err := net.SplitHostPort(w.Listen)
	if err != nil || port == "0" {
		return ""
	}
	scheme := "http"
	if w.Secure() {
		scheme = "https"
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/"
}
