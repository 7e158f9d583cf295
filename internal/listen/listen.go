// Package listen opens the socket for TFTP requests.
package listen

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/systemd"
)

// TFTP returns the socket for TFTP requests: the one that systemd hands
// over, else a new one. network is udp, udp4 or udp6. An address that cannot be
// bound is a cause.Error whose hint names the ways out.
func TFTP(network, address string) (net.PacketConn, error) {
	passed, err := systemd.TakeSockets()
	if err != nil {
		return nil, err
	}
	if passed.TFTP != nil {
		return passed.TFTP, nil
	}
	c, err := net.ListenPacket(network, address)
	switch {
	case errors.Is(err, syscall.EACCES):
		return nil, cause.Wrap(cause.Internal, err, "this user may not open the TFTP port", waysToBind())
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, cause.Wrap(cause.Internal, err, "the TFTP port is taken by another program",
			api.Say("find it with ").Type(api.OnHost, "ss -lunp").Say(", and stop it (tftpd-hpa: ").
				Type(api.OnHost, "systemctl stop tftpd-hpa && systemctl disable tftpd-hpa").Say("); or ").Then(waysToBind()))
	case err != nil:
		return nil, fmt.Errorf("listen for TFTP: %w", err)
	}
	return c, nil
}

// waysToBind are the ways to port 69 without being root.
func waysToBind() api.Fix {
	return api.Say("use one of three ways: (1) a systemd socket unit with ListenDatagram=69 that starts flashwarden; (2) as root: ").
		Type(api.OnHost, "setcap cap_net_bind_service=+ep "+cause.Program()).
		Say("; (3) another port: ").Set("tftp.listen", `":1069"`).Say(", with a rule that redirects UDP 69 to it, which ").Do("firewall", "nft").Say(" prints")
}
