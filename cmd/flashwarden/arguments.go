package main

import (
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

// checkArguments refuses arguments that the usage line of the command does not
// have. The error names the argument that is missing or too many.
func checkArguments(cmd *cobra.Command, args []string) error {
	names, required := argumentNames(cmd)
	switch {
	case cmd.HasSubCommands() && len(args) > 0:
		return seeHelp(cmd, unknownCommand(cmd, args[0]))
	case len(args) < required:
		return seeHelp(cmd, fmt.Errorf("missing %s", names[len(args)]))
	case !takesMany(cmd) && len(args) > len(names):
		return seeHelp(cmd, fmt.Errorf("unexpected argument %q", args[len(names)]))
	}
	for _, arg := range args {
		if len(cmd.ValidArgs) > 0 && !slices.Contains(cmd.ValidArgs, arg) {
			return seeHelp(cmd, fmt.Errorf("unknown value %q: use %s", arg, either(cmd.ValidArgs)))
		}
	}
	return nil
}

// takesMany reports whether a command takes any number of arguments.
func takesMany(cmd *cobra.Command) bool { return strings.Contains(cmd.Use, "...") }

// seeHelp is the usage error for a mistake in the command line of cmd.
func seeHelp(cmd *cobra.Command, mistake error) error {
	see := "; see"
	if strings.HasSuffix(mistake.Error(), "?") {
		see = " See"
	}
	return usageError{fmt.Errorf("%w%s `%s --help`", mistake, see, cmd.CommandPath())}
}

// withHelp adds the help of the command that ran to a usage error that has no next step.
func withHelp(cmd *cobra.Command, err error) error {
	var usage usageError
	if exitCode(err, nil) != int(api.ExitUsage) || strings.Contains(err.Error(), " --help`") {
		return err
	}
	p := problemOf(err)
	if p.Fix != nil {
		return err
	}
	if p.Field != "" {
		return seeHelp(cmd, fmt.Errorf("%s %s", flagOf(p.Field), p.Detail))
	}
	if errors.As(err, &usage) {
		return seeHelp(cmd, usage.err)
	}
	return err
}

// either lists the words of a choice: nft, iptables or ufw.
func either(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// argumentNames returns the names of the arguments in the usage line of a
// command, and the number of those that must be there.
func argumentNames(cmd *cobra.Command) (names []string, required int) {
	for _, word := range strings.Fields(cmd.Use)[1:] {
		if word == "[flags]" {
			continue
		}
		if strings.HasPrefix(strings.TrimPrefix(word, "["), "-") {
			break // flags
		}
		if !strings.HasPrefix(word, "[") {
			required++
		}
		names = append(names, strings.TrimSuffix(word, "..."))
	}
	return names, required
}

// unknownCommand is the error for a word that is no subcommand of cmd.
func unknownCommand(cmd *cobra.Command, word string) error {
	text := fmt.Sprintf("unknown command %q", strings.TrimPrefix(cmd.CommandPath()+" "+word, cmd.Root().Name()+" "))
	return errors.New(text + meant(subcommands(cmd), word, ""))
}

// whichSubcommand runs a command that only has subcommands.
func whichSubcommand(cmd *cobra.Command, _ []string) error {
	return seeHelp(cmd, errors.New("which subcommand?"))
}

// selectFlags adds the flags that select several devices.
func selectFlags(p *program, cmd *cobra.Command, s *api.Select, all *bool) {
	cmd.Flags().BoolVar(all, "all", false, "all devices of the inventory")
	whereFlags(p, cmd, s)
}

// whereFlags adds the flags that select the devices of a group or a site.
func whereFlags(p *program, cmd *cobra.Command, s *api.Select) {
	cmd.Flags().StringVar(&s.Group, "group", "", "only the devices of this `GROUP`")
	cmd.Flags().StringVar(&s.Site, "site", "", "only the devices at this `SITE`")
	completeFlag(p, cmd, "group", api.NamesOfGroups)
	completeFlag(p, cmd, "site", api.NamesOfSites)
}

// hideDefault keeps the default of a flag, such as 0 for no limit, out of the help.
func hideDefault(fs *pflag.FlagSet, flag string) {
	fs.Lookup(flag).DefValue = ""
}

// waitFlag adds the flag that makes a command wait for another process.
func waitFlag(p *program, cmd *cobra.Command) {
	cmd.Flags().Var((*span)(&p.wait), "wait", "how long to wait if another flashwarden process uses the data directory, for example 10m (default: fail at once)")
}

// span is a flag with a time span that is not negative.
type span time.Duration

// String returns the time span, empty for none.
func (s *span) String() string {
	if *s == 0 {
		return ""
	}
	return time.Duration(*s).String()
}

// Set takes the time span from the command line.
func (s *span) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return errors.New("want a time with its unit, such as 5s, 10m or 1h")
	}
	*s = span(d)
	return nil
}

// Type names the type of the flag in help texts.
func (s *span) Type() string { return "TIME" }

// sayWaiting says for which process the command waits.
func (p *program) sayWaiting(holder string) {
	if !p.quiet {
		fmt.Fprintf(p.err, "waiting up to %s for %s\n", p.wait, terminal.OneLine(holder))
	}
}

// wrongFlag is the usage error for flags that cannot be parsed.
func wrongFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		err = fmt.Errorf("%w%s", err, meant(names, unknown.GetSpecifiedName(), "--"))
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		err = fmt.Errorf("--%s %q: %w", invalid.GetFlag().Name, invalid.GetValue(), errors.Unwrap(invalid))
	}
	return seeHelp(cmd, err)
}

// meant asks about the names that are similar to word. prefix stands before
// each of them.
func meant(names []string, word, prefix string) string {
	similar := warden.Similar(names, word)
	if len(similar) == 0 {
		return ""
	}
	for i, name := range similar {
		similar[i] = prefix + name
	}
	return "; did you mean " + strings.Join(similar, ", ") + "?"
}

// wideFlag adds the flag that prints tables whole.
func wideFlag(cmd *cobra.Command, o *output) {
	cmd.Flags().VarP(&wideValue{&o.wide}, "output", "o", "`FORMAT`: wide prints all columns, with nothing shortened")
	completeWords(cmd, "output", "wide")
}

// wideValue is the value of the flag --output.
type wideValue struct{ wide *bool }

// String returns the value as it was given.
func (v *wideValue) String() string {
	if v.wide != nil && *v.wide {
		return "wide"
	}
	return ""
}

// Set takes the value from the command line.
func (v *wideValue) Set(text string) error {
	if text != "wide" {
		return errors.New("want wide")
	}
	*v.wide = true
	return nil
}

// Type names the type of the value.
func (v *wideValue) Type() string { return "string" }
