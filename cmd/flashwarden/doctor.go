package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func doctorCommand(p *program) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:               "doctor [NAME]",
		Short:             "find problems on this host and on the path to a device",
		ValidArgsFunction: completeNames(p, api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error { return runDoctor(ctx, p, w, args, all) })
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also test the paths to all devices of the inventory")
	waitFlag(p, cmd)
	return cmd
}

// doctor runs the examination, and shows each login and each test transfer.
func runDoctor(ctx context.Context, p *program, w warden.Warden, names []string, all bool) error {
	dir, err := p.dataDir()
	if err != nil {
		return err
	}
	r := api.Doctor{Device: strings.Join(names, ""), All: all}
	if all {
		names = append(names, "--all")
	}
	r.Again = lookAgain(p, dir, names)
	screen := terminal.NewScreen(p.err, nil)
	report, err := w.Doctor(ctx, r, func(e api.Event) {
		text := doctorStep(e)
		switch {
		case p.quiet || text == "":
		case all && !p.verbose && screen.Size().Columns == 0: // a log of each step of each device hides the result
		case all && screen.Size().Columns > 0: // a line in place: each step of each device would fill the screen
			screen.Draw([]string{terminal.Cut(text, screen.Size().Columns-1)})
		default:
			p.tell("", text)
		}
	})
	screen.Draw(nil)
	if err != nil {
		return err
	}
	return printReport(&p.output, report)
}

// doctorStep says what doctor does now; empty: nothing that takes time.
func doctorStep(e api.Event) string {
	switch e.Step {
	case api.StepLogin:
		return e.Device + ": logging in"
	case api.StepTry:
		return e.Device + ": test transfer: " + terminal.OneLine(e.File)
	}
	return ""
}

// lookAgain is the line for sudo that runs doctor as the same user, but with the
// right to read the rules of the packet filter. It does not run doctor as root,
// because root may not use the data directory of another user. sudo drops the
// environment, so the line names the variables that set ports.
func lookAgain(p *program, data string, what []string) string {
	words := []string{"setpriv", fmt.Sprintf("--reuid=%d", os.Geteuid()), fmt.Sprintf("--regid=%d", os.Getegid()), "--clear-groups",
		"--inh-caps=+net_admin,+net_raw", "--ambient-caps=+net_admin,+net_raw"}
	ports := slices.DeleteFunc(slices.Clone(p.env), func(setting string) bool { return !strings.HasPrefix(setting, "FLASHWARDEN_TFTP_") })
	if len(ports) > 0 {
		words = append(append(words, "env"), ports...)
	}
	words = append(words, forSudo(os.Executable()), "doctor", "--data", data)
	if p.configFile != "" {
		words = append(words, "--config", p.configFile)
	}
	words = append(words, what...)
	for i, word := range words {
		words[i] = api.ShellWord(word)
	}
	return strings.Join(words, " ")
}

// systemDirs are the directories in which sudo looks for a program.
var systemDirs = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// forSudo is how sudo finds this program: by its name, or by its path if it is not installed.
func forSudo(path string, err error) string {
	if err != nil || slices.Contains(systemDirs, filepath.Dir(path)) {
		return "flashwarden"
	}
	return path
}

// printReport prints the findings; its error chooses the exit code. With --quiet
// it prints only problems.
func printReport(o *output, r api.Report) error {
	var err error
	findings := []api.Finding{}
	for _, f := range r.Findings {
		findings = append(findings, f.Rendered())
	}
	r.Findings = findings
	switch {
	case o.json:
		document := map[string]any{"findings": r.Findings}
		if len(r.Skipped) > 0 {
			document["skipped"] = r.Skipped
		}
		err = writeJSON(o, document)
	case o.quiet:
		_, err = fmt.Fprint(o.out, terminal.Report(r).Problems(o.layout()))
	default:
		err = o.page(terminal.Report(r).Format(o.layout()))
	}
	if len(r.Findings) > 0 {
		return errors.Join(err, errProblems)
	}
	return err
}
