package warden

import (
	"context"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/node"
)

// followZone has the schedule of this process follow the time zone that the catalog has for all
// machines: hosts in two time zones would plan each night twice. A machine whose configuration
// names a zone enters it there; the newest one counts. Otherwise that of the first host does.
func (l *core) followZone(ctx context.Context, c catalog.Jobs) error {
	l.mu.Lock()
	own, entered, followed := l.opts.Config.Schedule.Zone, l.enteredZone, l.zone
	l.mu.Unlock()
	if own != time.Local && own != nil && own.String() != entered {
		if err := c.SetScheduleZone(ctx, own.String()); err != nil {
			return err
		}
		entered = own.String()
	}
	name, err := c.ScheduleZone(ctx, node.HostZone())
	if err != nil || name == "" {
		return err
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return cause.Wrap(cause.Internal, err, "this host does not know the time zone of the schedule", api.Say("install the package ").Type(api.OnHost, "tzdata"))
	}
	if followed == nil || followed.String() != name {
		l.log().Info("the schedule of all machines follows one time zone", "zone", name)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.zone, l.enteredZone = zone, entered
	return nil
}
