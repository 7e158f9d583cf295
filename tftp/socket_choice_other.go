//go:build !linux

package tftp

import (
	"net"
	"net/netip"
)

// rawAddress is only used on Linux.
type rawAddress struct{}

// allowFragmentsOf does nothing: only Linux forbids fragments by default.
func allowFragmentsOf(*net.UDPConn) {}

// openFiles returns how many files this process may open, by a cautious guess.
func openFiles() int { return 256 }

func listenerLink(c net.PacketConn, _ bool) link { return newSocket(c, true) }

func transferLink(_ link, local netip.AddrPort) (link, error) { return openSocket(local) }

func newReader(loops []*loop) (reader, error) { return &socketReader{loops: loops}, nil }
