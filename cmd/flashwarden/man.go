package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manCommand writes the help texts as manual pages. Packages call it when they are made.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "write manual pages of all commands into a directory",
		Hidden: true, // of no use in daily work
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("write manual pages: %w", err)
			}
			return writeManuals(cmd.Root(), args[0])
		},
	}
}

// writeManuals writes the pages of a command and of its subcommands.
func writeManuals(cmd *cobra.Command, dir string) error {
	if cmd.Hidden {
		return nil
	}
	page := filepath.Join(dir, manualName(cmd)+".1")
	if err := os.WriteFile(page, []byte(manual(cmd)), 0o644); err != nil {
		return fmt.Errorf("write manual pages: %w", err)
	}
	for _, sub := range cmd.Commands() {
		if err := writeManuals(sub, dir); err != nil {
			return err
		}
	}
	return nil
}

func manualName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manual returns the page of a command in the language of man(7). It has no date: the same
// program always writes the same page.
func manual(cmd *cobra.Command) string {
	var b strings.Builder
	name := manualName(cmd)
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"flashwarden %s\" \"flashwarden\"\n", strings.ToUpper(roff(name)), roff(readVersion().Version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", roff(name), roff(cmd.Short))
	if _, only := cmd.Annotations[onlySubcommands]; !only {
		fmt.Fprintf(&b, ".B %s\n.br\n", roff(cmd.UseLine()))
	}
	if cmd.HasSubCommands() {
		fmt.Fprintf(&b, ".B %s COMMAND\n", roff(cmd.CommandPath()))
	}
	writeSection(&b, "DESCRIPTION", roffText(cmd.Long))
	writeSection(&b, "COMMANDS", manualCommands(cmd))
	options := manualFlags(cmd.LocalNonPersistentFlags())
	if cmd.HasParent() {
		writeSection(&b, "OPTIONS", options+".PP\nThe options of all commands are in\n.BR flashwarden (1).\n")
	} else {
		writeSection(&b, "OPTIONS", options+manualFlags(cmd.PersistentFlags()))
		b.WriteString(manualEnd)
	}
	writeSection(&b, "EXAMPLES", roffLiteral(cmd.Example))
	writeSection(&b, "SEE ALSO", manualSee(cmd))
	return b.String()
}

// manualEnd holds sections that only the page of the program has.
const manualEnd = `.SH ENVIRONMENT
.B FLASHWARDEN_DATA
is the data directory. Each setting of the configuration has a variable too:
.B FLASHWARDEN_TFTP_LISTEN
sets
.BR tftp.listen .
.SH FILES
.TP
.I /etc/flashwarden/flashwarden.yaml
the configuration; the page flashwarden.yaml(5) has all settings
.TP
.I /var/lib/flashwarden
the data directory of the service and of root
.SH EXIT STATUS
.IP 0
success
.IP 1
an error; or problems were found, or a device is at risk
.IP 2
a mistake in the command line or in the configuration
.IP 3
at least one device failed or its backup is incomplete
.IP 4
refused for safety; nothing was changed
.IP 5
a name matches nothing; no device was contacted
.IP "129, 130, 143"
stopped by SIGHUP, SIGINT or SIGTERM
`

func writeSection(b *strings.Builder, title, text string) {
	if text != "" {
		b.WriteString(".SH " + title + "\n" + text)
	}
}

// manualCommands lists the subcommands of a command.
func manualCommands(cmd *cobra.Command) string {
	var b strings.Builder
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			fmt.Fprintf(&b, ".TP\n.BR %s (1)\n%s\n", roff(manualName(sub)), roff(sub.Short))
		}
	}
	return b.String()
}

// manualFlags lists flags with their defaults.
func manualFlags(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		b.WriteString(".TP\n")
		if f.Shorthand != "" {
			fmt.Fprintf(&b, "\\fB\\-%s\\fR, ", f.Shorthand)
		}
		fmt.Fprintf(&b, "\\fB\\-\\-%s\\fR", roff(f.Name))
		if value != "" {
			fmt.Fprintf(&b, " \\fI%s\\fR", roff(value))
		}
		if !slices.Contains([]string{"", "false", "0", "0s", "[]"}, f.DefValue) {
			usage += " (default " + f.DefValue + ")"
		}
		b.WriteString("\n" + roff(usage) + "\n")
	})
	return b.String()
}

// manualSee names the pages above and below a command.
func manualSee(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return ".BR flashwarden.yaml (5)\n"
	}
	return fmt.Sprintf(".BR %s (1)\n", roff(manualName(cmd.Parent())))
}

// roffText writes paragraphs. Lists and tables keep their lines.
func roffText(text string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		switch {
		case part == "":
		case strings.HasPrefix(part, " ") || strings.Contains(part, "\n ") || strings.Contains(part, "  "):
			b.WriteString(".PP\n" + roffLiteral(part))
		default:
			b.WriteString(".PP\n" + roff(part) + "\n")
		}
	}
	return b.String()
}

// roffLiteral keeps the lines of a text.
func roffLiteral(text string) string {
	if text == "" {
		return ""
	}
	return ".nf\n" + roff(text) + "\n.fi\n"
}

// roff escapes a text. A hyphen stays one that can be copied, and no line is a request of
// roff.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...").Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
