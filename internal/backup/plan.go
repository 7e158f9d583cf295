package backup

import (
	"flashwarden/api"
	"flashwarden/internal/cause"
)

// plan fills the result with the commands for the selected files. Digests are
// not asked for: on some devices they take minutes each.
func (r *run) plan(selected []api.File) error {
	p := &api.BackupPlan{Commands: []string{}}
	for i := range selected {
		f := &selected[i]
		if f.Cause != "" {
			continue
		}
		if f.Path == RunningConfigPath {
			p.Commands = append(p.Commands, "show running-config")
			continue
		}
		c := r.copyOf(f, "TICKET")
		if err := c.Validate(); err != nil {
			note(f, err)
			continue
		}
		p.Commands = append(p.Commands, "verify /md5 "+f.Path, c.Command())
		p.Bytes += max(f.Size, 0)
	}
	free, err := r.Spool.Free()
	if err != nil {
		return cause.Wrap(cause.Internal, err, "plan", nil)
	}
	p.Free = free
	r.result.Plan = p
	return nil
}
