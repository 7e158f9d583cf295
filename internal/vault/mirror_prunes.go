package vault

import (
	"context"
	"fmt"

	"flashwarden/api"
)

// explain copies the records of prunes that a snapshot of the mirror may need: a prune beside
// the mirror removes snapshots that the mirror never gets, and others name them. It comes
// before each snapshot. If no snapshot has vanished since the last call, it does nothing.
func (r *mirrorRun) explain(ctx context.Context) error {
	r.explaining.Lock()
	defer r.explaining.Unlock()
	if !r.unexplained.Swap(false) {
		return nil
	}
	first := r.records == nil
	if first {
		r.records = make(map[string]bool)
	}
	var missing []string
	err := r.vault.store.List(ctx, PrunesPart+"/", func(i Info) error {
		if name, ok := pruneOf(i.Key); ok && !r.records[name] && !r.have(i.Key) && !r.below(i.Key) {
			missing = append(missing, name)
		}
		return nil
	})
	if err = unlessAbsent(err); first {
		err = r.unlisted(err)
	} else {
		_, err = UnlistedParts(err) // they were reported
	}
	if err != nil {
		return err
	}
	for _, name := range missing {
		if err := r.record(ctx, name); err != nil {
			return err
		}
		r.records[name] = true
	}
	return nil
}

// record copies the record of a prune.
func (r *mirrorRun) record(ctx context.Context, name string) error {
	key := PruneKey(name)
	if _, err := r.vault.prune(ctx, name); err != nil {
		return r.skip(ctx, key, err)
	}
	data, err := r.vault.read(ctx, key)
	if err != nil {
		return err
	}
	if err := r.to.Document(ctx, key, data, api.Snapshot{}); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
