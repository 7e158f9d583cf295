package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

// backUp shows progress while devices are backed up. If the backups are jobs of a service,
// Ctrl-C on a terminal asks what happens to them.
func (p *program) backUp(ctx context.Context, w warden.Warden, r api.Backup) ([]api.BackupResult, error) {
	show := p.showFleet()
	defer show.Close()
	var jobs atomic.Bool
	withdraw := func() {}
	if terminal.IsTerminal(p.in) && terminal.IsTerminal(p.err) {
		withdraw = p.signals.ask(func(ctx context.Context) (why error) {
			if jobs.Load() {
				show.Aside(func() { why = p.askToLeave(ctx) })
			}
			return why
		})
	}
	results, err := w.Backup(ctx, r, func(e api.Event) {
		if e.Job != "" {
			jobs.Store(true)
		}
		show.Event(e)
	})
	withdraw()
	if context.Cause(ctx) == api.ErrQuit {
		return nil, errInterrupted
	}
	return results, err
}

// askToLeave asks what happens to the jobs of a backup, until ctx ends. Nil cancels them.
func (p *program) askToLeave(ctx context.Context) error {
	for {
		fmt.Fprint(p.err, "\rCancel the backup, leave it running, or go on waiting? [c/l/g] ")
		line, err := terminal.ReadLine(ctx, p.in.(*os.File))
		switch line = strings.ToLower(strings.TrimSpace(line)); {
		case ctx.Err() != nil:
			fmt.Fprintln(p.err)
			return errGoOn
		case err != nil, line == "c", line == "cancel": // without a terminal it is cancelled too
			fmt.Fprintln(p.err, "Cancelling the backup.")
			return nil
		case line == "l", line == "leave":
			return api.ErrLeft
		case line == "g", line == "go", line == "go on":
			fmt.Fprintln(p.err, "Waiting for the backup.")
			return errGoOn
		}
	}
}
