// Package nodetest starts nodes for tests.
package nodetest

import (
	"net/netip"
	"testing"

	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/config"
	"flashwarden/internal/node"
	"flashwarden/tftp"
)

// Options are those of a node on loopback, with a new data directory and an empty catalog.
func Options(t testing.TB) node.Options {
	t.Helper()
	o := node.Options{Data: sqlitetest.Data(t), Config: config.Default()}
	o.Config.TFTP.Listen = "127.0.0.1:0"
	o.Config.TFTP.PortRange = tftp.PortRange{}
	o.Config.TFTP.Advertise = netip.MustParseAddr("127.0.0.1")
	return o
}

// Start starts a node, until the test ends.
func Start(t testing.TB, o node.Options) *node.Node {
	t.Helper()
	n, err := node.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	return n
}
