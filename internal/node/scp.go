package node

import (
	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/scpd"
)

// serveSCP starts the SCP server, if the configuration has one.
func (n *server) serveSCP(s *service) error {
	c := n.opts.Config.Transports.SCP
	if c.Listen == "" {
		return nil
	}
	keys, err := scpd.HostKeys(n.opts.Data, c.LegacyCrypto, n.opts.Log)
	if err != nil {
		return cause.Wrap(cause.Internal, err, "the SCP server", api.Say("if the file is damaged, remove it: the next start makes another key"))
	}
	l, err := listenUploads("SCP", "transports.scp.listen", ":2022", c.Listen)
	if err != nil {
		return err
	}
	s.scp = new(upload)
	s.scp.run(n, "SCP", &scpd.Server{Store: s.spool, Keys: keys, Legacy: c.LegacyCrypto, Idle: n.opts.Config.Backup.StallTimeout, Log: n.opts.Log}, l)
	return nil
}

// scpPort is where the SCP server of a started node listens; 0 if there is none.
func (n *server) scpPort() uint16 {
	if u := n.service.scp; u != nil {
		return u.port
	}
	return 0
}
