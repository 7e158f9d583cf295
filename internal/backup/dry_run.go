package backup

import (
	"flashwarden/api"
	"flashwarden/internal/cause"
)

// plan lists the commands for the selected files. One that cannot be typed is
// noted in its file. Digests are not asked for: on some devices they take
// minutes each.
func (j job) plan(d Device, selected []api.File) (*api.BackupPlan, error) {
	p := &api.BackupPlan{Commands: []string{}}
	for i, f := range selected {
		if f.Cause != "" {
			continue
		}
		if f.Path == api.RunningConfigPath {
			p.Commands = append(p.Commands, "show running-config")
			continue
		}
		c := j.via(d).Copy(fileOf(f), "TICKET")
		if err := c.Validate(); err != nil {
			note(&selected[i], err)
			continue
		}
		p.Commands = append(p.Commands, "verify /md5 "+f.Path, c.Command())
		p.Bytes += max(f.Size, 0)
	}
	var err error
	if p.Free, err = j.Spool.Free(); err != nil {
		return nil, cause.Wrap(cause.Internal, err, "plan", nil)
	}
	return p, nil
}
