// Command tftp-conformance judges a TFTP server by its address and directory.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"text/tabwriter"

	"flashwarden/tftp/conformance"
)

const usage = `Judges a running TFTP server.

  tftp-conformance [flags] ADDRESS:PORT DIRECTORY
  tftp-conformance -list
  tftp-conformance -compare FILE...

DIRECTORY is the directory that the server serves, on this machine. The cases create
files there, whose names begin with "conformance-", and remove them. Run as root if
the server has another user: some cases need files of other owners and ports below 1024.

The exit code is 0 if no case failed, 1 if one failed, 2 if the server could not be
judged.

Examples:
  tftp-conformance 127.0.0.1:69 /srv/tftp
  tftp-conformance -quick -level MUST 192.0.2.1:69 /srv/tftp
  tftp-conformance -case 73,99 127.0.0.1:69 /srv/tftp
  tftp-conformance -pid $(pidof in.tftpd) -json 127.0.0.1:69 /srv/tftp > hpa.json
  tftp-conformance -compare hpa.json atftpd.json > table.md

Flags:
`

// The exit codes.
const (
	exitPassed = iota
	exitFailed
	exitError
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are the flags of the command.
type options struct {
	target        conformance.Target
	cases         []conformance.Case
	json          bool
	list, compare bool
	args          []string
}

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	o, err := parse(args, errOut)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitPassed
	case err != nil:
		fmt.Fprintln(errOut, "tftp-conformance:", err)
		return exitError
	case o.list:
		return list(out, o.cases)
	case o.compare:
		err = compare(out, o.args)
	default:
		var failed bool
		if failed, err = judge(ctx, o, out, errOut); failed && err == nil {
			return exitFailed
		}
	}
	if err != nil {
		fmt.Fprintln(errOut, "tftp-conformance:", err)
		return exitError
	}
	return exitPassed
}

// parse reads the command line.
func parse(args []string, errOut io.Writer) (o options, err error) {
	f := flag.NewFlagSet("tftp-conformance", flag.ContinueOnError)
	f.SetOutput(errOut)
	f.Usage = func() { fmt.Fprint(errOut, usage); f.PrintDefaults() }
	level := f.String("level", string(conformance.Hardening), "judge `LEVEL` and those above: MUST, SHOULD or hardening")
	numbers := f.String("case", "", "judge only these cases: `NUMBERS` with commas between")
	f.BoolVar(&o.target.Quick, "quick", false, "leave out the cases that take longer than a second")
	f.BoolVar(&o.json, "json", false, "print the results as JSON")
	f.BoolVar(&o.list, "list", false, "list the cases")
	f.BoolVar(&o.compare, "compare", false, "print results that -json printed as one table in Markdown")
	f.IntVar(&o.target.PID, "pid", 0, "process `ID` of the server, for the cases about its memory")
	f.DurationVar(&o.target.Patience, "patience", 0, "the longest wait for a packet that must come (default 10s)")
	f.Func("also", "another `ADDRESS` of the server; may be repeated", func(s string) error {
		a, err := netip.ParseAddr(s)
		o.target.Also = append(o.target.Also, a)
		return err
	})
	f.Func("broadcast", "broadcast `ADDRESS` of the server's network", func(s string) (err error) {
		o.target.Broadcast, err = netip.ParseAddr(s)
		return err
	})
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.args = f.Args()
	if o.cases, err = choose(*level, *numbers); err != nil || o.list || o.compare {
		return o, err
	}
	if len(o.args) != 2 {
		return o, errors.New("an address and a directory are needed: tftp-conformance 127.0.0.1:69 /srv/tftp")
	}
	if o.target.Addr, err = netip.ParseAddrPort(o.args[0]); err != nil {
		return o, fmt.Errorf("address %q: %w; write it as 192.0.2.1:69", o.args[0], err)
	}
	o.target.Dir = o.args[1]
	return o, nil
}

// choose returns the cases of a level and above, or those with the given numbers.
func choose(level, numbers string) ([]conformance.Case, error) {
	rank := map[conformance.Level]int{conformance.Must: 1, conformance.Should: 2, conformance.Hardening: 3}
	limit := rank[conformance.Level(level)]
	if limit == 0 {
		return nil, fmt.Errorf("level %q: the levels are MUST, SHOULD and hardening", level)
	}
	wanted := map[int]bool{}
	for s := range strings.SplitSeq(numbers, ",") {
		if numbers == "" {
			break
		}
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil {
			return nil, fmt.Errorf("case %q is not a number", s)
		}
		wanted[n] = true
	}
	var chosen []conformance.Case
	for _, c := range conformance.Cases() {
		if rank[c.Level] <= limit && (numbers == "" || wanted[c.Number]) {
			chosen = append(chosen, c)
			delete(wanted, c.Number)
		}
	}
	for n := range wanted {
		return nil, fmt.Errorf("there is no case %d; -list prints all", n)
	}
	return chosen, nil
}

func list(out io.Writer, cases []conformance.Case) int {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range cases {
		fmt.Fprintf(w, "%03d\t%s\t%s\t%s\n", c.Number, c.Level, c.Name, c.Source)
	}
	w.Flush()
	return exitPassed
}

// report is the output of -json.
type report struct {
	Address string               `json:"address"`
	Passed  int                  `json:"passed"`
	Failed  int                  `json:"failed"`
	Skipped int                  `json:"skipped"`
	Results []conformance.Result `json:"results"`
}

// judge judges the server and reports whether a case failed.
func judge(ctx context.Context, o options, out, errOut io.Writer) (failed bool, err error) {
	done := 0
	results, err := conformance.Judge(ctx, o.target, o.cases, func(r conformance.Result) {
		if done++; r.Verdict == conformance.Fail {
			fmt.Fprintf(errOut, "%d of at most %d: case %03d failed\n", done, len(o.cases), r.Number)
		}
	})
	if err != nil {
		return false, err
	}
	r := report{Address: o.target.Addr.String(), Results: results}
	for _, c := range results {
		switch c.Verdict {
		case conformance.Pass:
			r.Passed++
		case conformance.Fail:
			r.Failed++
		case conformance.Skip:
			r.Skipped++
		}
	}
	if o.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return r.Failed > 0, e.Encode(r)
	}
	return r.Failed > 0, printTable(out, r)
}

func printTable(out io.Writer, r report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range r.Results {
		fmt.Fprintf(w, "%s\t%03d\t%s\t%s\t%s\n", c.Verdict, c.Number, c.Level, c.Name, c.Source)
		if c.Detail != "" {
			fmt.Fprintf(w, "\t\t\t  %s\t\n", c.Detail)
		}
	}
	fmt.Fprintf(w, "\n%d passed, %d failed, %d skipped\n", r.Passed, r.Failed, r.Skipped)
	return w.Flush()
}
