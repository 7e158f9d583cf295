package service

import (
	"context"
	"fmt"
	"net"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// syslog is the task that hears from devices that they have changed.
func (s *Service) syslog(ctx context.Context, ready func()) error {
	c, err := new(net.ListenConfig).ListenPacket(ctx, "udp", s.Syslog.Listen)
	if err != nil {
		return cause.WithFix(fmt.Errorf("the receiver of syslog messages cannot listen on %s: %w", s.Syslog.Listen, err),
			api.Say("a syslog server may have the port: choose another one with ").Set("syslog.listen", `":5514"`).
				Say(", and have the devices send there, too: ").Type(api.OnDevice, "logging host ADDRESS transport udp port 5514"))
	}
	defer c.Close()
	s.Log.Info("messages of devices are received", "address", c.LocalAddr().String(), "quiet", s.Syslog.Quiet.String())
	ready()
	return s.Local.RunSyslog(ctx, c, s.Syslog.Quiet)
}
