//go:build !linux

package tftp

import "net"

// Elsewhere the system's own choice of source address has to do.
func enableArrivals(*net.UDPConn) {}

func isV6Only(*net.UDPConn) bool { return false }

func parseArrival([]byte) arrival { return arrival{} }

func controlFor(arrival, bool) []byte { return nil }
