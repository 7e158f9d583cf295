// Package device is one Cisco IOS or IOS-XE device as a backup and a restore
// need it: facts, listings of its flash, digests and copies. It types the same
// commands as a person, on one terminal line. Only Configure enters
// configuration mode, and no backup calls it.
package device

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/vty"
)

// terminal is the part of *vty.Line that Device needs.
type terminal interface {
	Run(ctx context.Context, command string, ask vty.Ask) (string, error)
	RunLong(ctx context.Context, command string, idle time.Duration, ask vty.Ask) (string, error)
	RunWatched(ctx context.Context, command string, watch vty.Watch, ask vty.Ask) (string, error)
	Exec(ctx context.Context, command string) (io.ReadWriteCloser, error)
	Hide(password string)
	Hostname() string
	LocalAddr() netip.Addr
	RemoteAddr() netip.Addr
	Close() error
}

// Device is an open session to one device. Its methods are for one goroutine
// at a time; only Close may be called from another. Errors of the session
// itself are those of package vty.
type Device struct {
	line    terminal
	log     *slog.Logger
	image   string          // the running image; set by Facts
	unknown map[string]bool // forms of verify that the software does not know
	pace    float64         // bytes per second of the slowest digest so far; 0: none yet
	skipped []Skipped
	members []ios.Member // of the stack; set by Facts
	starts  ios.Boot     // the boot settings; set by Facts
}

// Dial logs in to the device that cfg describes; see vty.Dial.
func Dial(ctx context.Context, cfg vty.Config) (*Device, error) {
	line, err := vty.Dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return newDevice(line, cfg.Log), nil
}

func newDevice(line terminal, log *slog.Logger) *Device {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Device{line: line, log: log, unknown: make(map[string]bool)}
}

// Close ends the session. It may be called more than once.
func (d *Device) Close() error { return d.line.Close() }

// LocalAddr is our address in the session to the device.
func (d *Device) LocalAddr() netip.Addr { return d.line.LocalAddr() }

// RemoteAddr is the device's address in the session.
func (d *Device) RemoteAddr() netip.Addr { return d.line.RemoteAddr() }

// Exec runs a command in a session of its own; see vty.Line.Exec. It may be used beside the
// terminal.
func (d *Device) Exec(ctx context.Context, command string) (io.ReadWriteCloser, error) {
	return d.line.Exec(ctx, command)
}

// Facts reads show version, show boot if the device has it, and show install
// summary in install mode. The error for a
// device that runs neither IOS nor IOS-XE is unsupported_device.
func (d *Device) Facts(ctx context.Context) (ios.Facts, error) {
	facts, err := d.facts(ctx, bootThenBootvar)
	if err != nil {
		return ios.Facts{}, err
	}
	if len(d.members) > 0 {
		if facts.Stack, err = d.stack(ctx); err != nil {
			return ios.Facts{}, err
		}
	}
	if facts.Mode == "install" {
		if facts.Install, err = d.Installed(ctx); err != nil {
			return ios.Facts{}, err
		}
	}
	return facts, nil
}

// Brief reads the facts of a look, in two commands on most devices: show version and show
// boot or show bootvar. It leaves out Stack and Install.
func (d *Device) Brief(ctx context.Context) (ios.Facts, error) { return d.facts(ctx, likelyBoot) }

// facts reads show version, and the boot settings with the first of the commands that boots
// returns which the software knows.
func (d *Device) facts(ctx context.Context, boots func(ios.Version) []string) (ios.Facts, error) {
	text, err := d.line.Run(ctx, "show version", nil)
	if err != nil {
		return ios.Facts{}, err
	}
	version, err := ios.ParseVersion(text)
	if err != nil {
		return ios.Facts{}, err
	}
	boot, err := d.boot(ctx, boots(version))
	if err != nil {
		return ios.Facts{}, err
	}
	facts := ios.NewFacts(version, boot)
	if facts.Hostname == "" {
		facts.Hostname = d.line.Hostname()
	}
	d.members, d.image, d.starts = version.Members, facts.Image, boot.ActiveFirst(version.Members)
	return facts, nil
}

func bootThenBootvar(ios.Version) []string { return []string{"show boot", "show bootvar"} }

// likelyBoot puts the command first that this device probably knows: switches, which print a
// model number, have show boot; routers and chassis have show bootvar.
func likelyBoot(v ios.Version) []string {
	if len(v.ModelNumbers) > 0 {
		return bootThenBootvar(v)
	}
	return []string{"show bootvar", "show boot"}
}

// Installed reads show install summary. Old IOS-XE, and some accounts, do not
// have it.
func (d *Device) Installed(ctx context.Context) ([]ios.InstallLocation, error) {
	text, err := d.line.Run(ctx, "show install summary", nil)
	if err != nil {
		return nil, err
	}
	install, err := ios.ParseInstall(text)
	if err != nil {
		d.log.Debug("no install summary", "err", err)
	}
	return install.Locations, nil
}

// stack reads show switch. A stackable switch can be alone.
func (d *Device) stack(ctx context.Context) ([]ios.StackSwitch, error) {
	text, err := d.line.Run(ctx, "show switch", nil)
	if err != nil {
		return nil, err
	}
	stack, err := ios.ParseSwitch(text)
	if err != nil {
		d.log.Debug("no stack", "err", err)
	}
	return stack.Switches, nil
}

// boot reads the boot settings with the first of these commands that the software
// knows. Many devices have none. That is no error: their boot path stays unknown.
func (d *Device) boot(ctx context.Context, commands []string) (ios.Boot, error) {
	for _, command := range commands {
		text, err := d.line.Run(ctx, command, nil)
		if err != nil {
			return ios.Boot{}, err
		}
		boot, err := ios.ParseBoot(text)
		if err == nil {
			return boot, nil
		}
		d.log.Debug("no boot settings", "command", command, "err", err)
	}
	return ios.Boot{}, nil
}

// withPath returns command with path as its argument. The error for a path that
// cannot be typed on IOS is command_rejected.
func withPath(command, path string) (string, error) {
	for _, r := range path {
		if r <= ' ' || r > '~' || strings.ContainsRune("?|\"'`;", r) {
			return "", cause.New(cause.CommandRejected, fmt.Sprintf("the file %q holds %q and cannot be typed on IOS", path, r),
				api.Say("rename the file on the device with: ").Type(api.OnDevice, "rename"))
		}
	}
	return command + " " + path, nil
}

// Interfaces reads show ip interface brief.
func (d *Device) Interfaces(ctx context.Context) ([]ios.Interface, error) {
	const command = "show ip interface brief"
	text, err := d.line.Run(ctx, command, nil)
	if err != nil {
		return nil, err
	}
	interfaces, err := ios.ParseInterfaceBrief(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	return interfaces, nil
}

// Show runs a show command and returns its output, which may be a refusal.
func (d *Device) Show(ctx context.Context, command string) (string, error) {
	if !strings.HasPrefix(command, "show ") {
		return "", fmt.Errorf("%q is not a show command", command)
	}
	return d.line.Run(ctx, command, nil)
}

// Text returns the contents of a small text file, as more prints it.
func (d *Device) Text(ctx context.Context, path string) (string, error) {
	command, err := withPath("more", path)
	if err != nil {
		return "", err
	}
	text, err := d.line.Run(ctx, command, nil)
	if err != nil {
		return "", err
	}
	// Only the first lines: the file itself may contain the word error.
	first := bytes.SplitN([]byte(text), []byte("\n"), 4)
	if err := ios.Rejected(string(bytes.Join(first[:min(3, len(first))], []byte("\n")))); err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	return text, nil
}

// Copy runs one copy between the device and a server and returns the
// outcome that the device reports. A failed copy is no error. Only ctx limits
// its time and the device's silence. A question that the copy must not answer
// is an error; its cause is unsafe_prompt if the question is about erasing,
// formatting or overwriting.
func (d *Device) Copy(ctx context.Context, c ios.Copy) (ios.CopyResult, error) {
	if err := c.Validate(); err != nil {
		return ios.CopyResult{}, err
	}
	d.line.Hide(c.Password)
	text, err := d.line.RunLong(ctx, c.Command(), 0, c.Answer)
	if err != nil {
		return ios.CopyResult{}, err
	}
	return c.Result(text), nil
}
