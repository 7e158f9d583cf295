package device

import (
	"context"
	"fmt"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/lazyregexp"
)

var (
	configStart   = lazyregexp.New(`(?m)^(?:!|version )`)
	configVersion = lazyregexp.New(`(?m)^version \d`)
	configName    = lazyregexp.New(`(?m)^hostname \S`)
	// messageLine matches lines of background processes, which are no part of
	// a configuration: system messages with a date, the time since start or
	// nothing before them, security warnings, and AutoInstall's error.
	messageLine = lazyregexp.New(`(?m)^(?:(?:\d+: )?[*.]?(?:[A-Z][a-z]{2} +\d+ (?:\d{4} )?\d{2}:\d{2}:\d{2}(?:\.\d+)?(?: [A-Za-z]+)?|\d+:\d{2}:\d{2}|\d+[ywd]\d+[wdh]): )?` +
		`(?:%[A-Z][A-Z0-9_-]*-[0-7]-[A-Z0-9_]+(?: _WARNING)?: |SECURITY WARNING *[-:]? *Module: |%Error opening tftp://255\.255\.255\.255/).*\n`)
)

// configSilence is how long a device may be silent before and within its
// running-config. A large Catalyst 6500 needs up to 5 minutes to build it.
const configSilence = 6 * time.Minute

// RunningConfig returns show running-config with LF line ends, from its first
// comment or version line to its end line. The two header lines that count its
// bytes are left out, so that a device accepts the text as a configuration.
//
// The text must have a version line, a hostname and end. IOS shows an account
// under privilege level 15 only the lines that it may configure, at worst "!",
// "!" and "end": the cause is not_permitted_on_device.
func (d *Device) RunningConfig(ctx context.Context) ([]byte, error) {
	const command = "show running-config"
	text, err := d.line.RunLong(ctx, command, configSilence, nil)
	if err != nil {
		return nil, err
	}
	config := strings.TrimRight(messageLine.ReplaceAllString(text, ""), " \t\n")
	start := configStart.FindStringIndex(config)
	if start != nil && strings.HasSuffix(config, "\nend") {
		return complete(config[start[0]:])
	}
	if err := ios.Rejected(text); err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	return nil, cause.New(cause.CommandRejected, fmt.Sprintf("%s ends with %q and not with end", command, lastLine(config)),
		api.Say("check the rights of this account: ").Type(api.OnDevice, command))
}

// complete returns a configuration that ends with end, if it is whole.
func complete(config string) ([]byte, error) {
	var missing []string
	if !configVersion.MatchString(config) {
		missing = append(missing, "no version line")
	}
	if !configName.MatchString(config) {
		missing = append(missing, "no hostname")
	}
	if len(missing) == 0 {
		return []byte(config + "\n"), nil
	}
	return nil, cause.New(cause.NotPermittedOnDevice,
		fmt.Sprintf("show running-config shows only a part of the configuration: it has %s", strings.Join(missing, " and ")),
		api.Say("look at the rights of this account with ").Type(api.OnDevice, "show privilege").
			Say("; it needs level 15, or the right to see the whole configuration"))
}

func lastLine(text string) string {
	line := text[strings.LastIndexByte(text, '\n')+1:]
	return line[:min(len(line), 120)]
}
