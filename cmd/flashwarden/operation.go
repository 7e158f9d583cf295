package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

// operation is one method of warden.Warden: warden.Warden.Prune.
type operation[Request, Result any] func(w warden.Warden, ctx context.Context, r Request) (Result, error)

// do runs one operation for a command, and prints its result.
func do[Request, Result any](p *program, cmd *cobra.Command, op operation[Request, Result], r Request, print func(*output, Result) error) error {
	return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
		result, err := op(w, ctx, r)
		if err != nil {
			return err
		}
		return print(&p.output, result)
	})
}

// inventoryWithin is how long a command may read the inventory for its next steps.
const inventoryWithin = 5 * time.Second

// readInventory reads the inventory if several of these next steps change devices: then one
// command does so for all of them. Without it, that command has their names.
func (p *program) readInventory(ctx context.Context, w warden.Warden, hints []string) {
	joined := 0
	for _, hint := range hints {
		if terminal.JoinsDevices(hint) {
			joined++
		}
	}
	if p.json || joined < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), inventoryWithin) // also after Ctrl-C
	defer cancel()
	if rows, err := w.Devices(ctx, api.Select{}); err == nil {
		p.inventory = rows
	}
}

// counted is an operation that shows how many bytes are done. word names the work on
// them; empty: nothing is shown.
func counted[Request, Result any](o *output, op func(warden.Warden, context.Context, Request, func(api.Event)) (Result, error), word string) operation[Request, Result] {
	return func(w warden.Warden, ctx context.Context, r Request) (Result, error) {
		if word == "" {
			return op(w, ctx, r, nil)
		}
		show := o.show(&terminal.Amount{Word: word})
		defer show.Close()
		return op(w, ctx, r, show.Event)
	}
}

// shown runs an operation whose progress show shows until the operation ends.
func shown[Request, Result any](ctx context.Context, show *terminal.Progress, op func(context.Context, Request, func(api.Event)) (Result, error), r Request) (Result, error) {
	defer show.Close()
	return op(ctx, r, show.Event)
}
