package device

import (
	"context"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
)

// changeIdle is the limit on silence during a command that changes the device.
// install and reload work for minutes without output.
const changeIdle = 10 * time.Minute

// Boot reads show boot, or show bootvar. The result is empty on a device that
// has neither. After Facts the block of the active member of a stack is the
// first one.
func (d *Device) Boot(ctx context.Context) (ios.Boot, error) {
	boot, err := d.boot(ctx, bootThenBootvar(ios.Version{}))
	return boot.ActiveFirst(d.members), err
}

// BootOfFacts returns the boot settings that the last call of Facts read. It types
// nothing.
func (d *Device) BootOfFacts() ios.Boot { return d.starts }

// BootConfig reads the part of the running-config on which a restore depends.
// Software without output filters prints the whole.
func (d *Device) BootConfig(ctx context.Context) (ios.BootConfig, error) {
	text, err := d.line.RunLong(ctx, ios.ShowBootConfig, configSilence, nil)
	if err != nil {
		return ios.BootConfig{}, err
	}
	config, err := ios.ParseBootConfig(text)
	if cause.Of(err) != cause.CommandRejected {
		return config, err
	}
	whole, err := d.RunningConfig(ctx)
	if err != nil {
		return ios.BootConfig{}, err
	}
	return ios.ParseBootConfig(string(whole))
}

// SavedBootConfig is BootConfig for the startup-config.
func (d *Device) SavedBootConfig(ctx context.Context) (ios.BootConfig, error) {
	text, err := d.line.RunLong(ctx, ios.ShowSavedBootConfig, configSilence, nil)
	if err != nil {
		return ios.BootConfig{}, err
	}
	config, err := ios.ParseSavedBootConfig(text)
	if cause.Of(err) != cause.CommandRejected {
		return config, err
	}
	if text, err = d.line.RunLong(ctx, "show startup-config", configSilence, nil); err != nil {
		return ios.BootConfig{}, err
	}
	return ios.ParseSavedBootConfig(text)
}

// ROMVariables reads show romvar. Many devices do not have it; then there are
// none.
func (d *Device) ROMVariables(ctx context.Context) (ios.ROMVariables, error) {
	text, err := d.line.Run(ctx, "show romvar", nil)
	return ios.ParseROMVariables(text), err
}

// List lists one file system with all its directories.
func (d *Device) List(ctx context.Context, fileSystem string) ([]ios.Listing, error) {
	return d.list(ctx, fileSystem)
}

// Uptime returns the time since the device started, to the minute.
func (d *Device) Uptime(ctx context.Context) (time.Duration, error) {
	text, err := d.line.Run(ctx, "show version", nil)
	if err != nil {
		return 0, err
	}
	version, err := ios.ParseVersion(text)
	return version.UptimeDuration(), err
}

// Do runs a command that changes the device. A refusal in its output is an
// error.
func (d *Device) Do(ctx context.Context, c ios.Change) error {
	text, err := d.line.RunLong(ctx, c.Line, changeIdle, c.Answer)
	if err != nil {
		return err
	}
	return c.Result(text)
}

// Configure types lines in global configuration mode and then always leaves
// that mode. It stops at the first line that the device refuses.
func (d *Device) Configure(ctx context.Context, lines []string) error {
	if err := d.Do(ctx, ios.ConfigLine("configure terminal")); err != nil {
		return err
	}
	for _, line := range lines {
		if err := d.Do(ctx, ios.ConfigLine(line)); err != nil {
			if !lost(ctx, err) {
				d.leave(ctx)
			}
			return err
		}
	}
	return d.Do(ctx, ios.ConfigLine("end"))
}

// leave ends configuration mode after an error that the caller reports.
func (d *Device) leave(ctx context.Context) {
	if err := d.Do(ctx, ios.ConfigLine("end")); err != nil {
		d.log.Debug("leave configuration mode", "err", err)
	}
}

// Restart runs a command after which the device restarts, such as reload. The
// end of the session after our yes is success.
func (d *Device) Restart(ctx context.Context, c ios.Change) error {
	confirmed := false
	text, err := d.line.RunLong(ctx, c.Line, changeIdle, func(question string) (string, error) {
		answer, stop := c.Answer(question)
		confirmed = confirmed || stop == nil && ios.ConfirmsReload(question)
		return answer, stop
	})
	switch {
	case err == nil && confirmed:
		return c.Result(text)
	case err == nil:
		if refused := c.Result(text); refused != nil {
			return refused
		}
		return cause.New(cause.CommandRejected, c.Line+": the device did not ask for confirmation of the restart", api.Say("type it by hand: ").Type(api.OnDevice, c.Line))
	case confirmed && cause.Of(err) == cause.SessionLost && ctx.Err() == nil:
		return nil
	}
	return err
}
