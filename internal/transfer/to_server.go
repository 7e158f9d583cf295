package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// What SCP and HTTPS have in common: the device connects to a server of ours, with a name and a
// password that work once.

// secretSource judges a request with a password by its address. command names the interface to send from.
func secretSource(w Witness, command string) *cause.Error {
	if w.Seen.Requested || len(w.Seen.WrongSource) == 0 {
		return nil
	}
	name := w.Interface
	if name == "" {
		name = "INTERFACE"
	}
	return cause.New(cause.WrongSource,
		fmt.Sprintf("the device's connection came from %s, but the inventory has %s for the device", w.Seen.WrongSource[0], w.Device),
		api.Say("on the device, in configuration mode: ").Type(api.OnDevice, command+" "+name).
			Say("; or change its address in the inventory: ").Do("device edit", w.Name).With("address", w.Seen.WrongSource[0].String()))
}

// brokeOff reports whether a handshake ended because the connection was lost or slow: that does
// not mean that the device refuses the transport.
func brokeOff(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) // our server had no more patience
}

// otherWay judges by what a device printed, if it cannot or will not use this transport. The file
// system of that name is missing then.
func otherWay(w Witness, transport, system string) *cause.Error {
	auto := api.Say("use another transport: ").Do("device edit", w.Name).With("copy_by", api.CopyAuto)
	switch {
	case w.Said.Cause == cause.CommandRejected && !w.Seen.Requested:
		return cause.New(cause.TransportRestricted, "the device cannot copy over "+transport+": "+w.said(),
			auto.Say("; on the device, ").Type(api.OnDevice, "show file systems").Say(" lists %s: if its software has it", system))
	case w.Said.Cause == cause.TransportRestricted:
		return cause.New(cause.TransportRestricted, w.said(), auto)
	}
	return ofWords(w)
}

// permitTCP permits connections of the device: to this port of this host, after a redirect, and to the
// port asked on the path. show and source are commands of the device.
func permitTCP(w Witness, port, asked uint16, show, source string) api.Fix {
	match := fmt.Sprintf("tcp dport %d accept", port)
	return api.Say("permit TCP %d from %s to %s. Look in this order:", asked, w.Device, w.Server).
		Say("\n1. this host, if ").Type(api.OnHost, "nft list tables").Say(" shows inet filter: ").
		Type(api.OnHost, w.quotedNFT("inet filter input", w.Device, none, match)).
		Say("\n2. the device: ").Type(api.OnDevice, "ping "+w.Server.String()).Say(", ").Type(api.OnDevice, "show ip route "+w.Server.String()).
		Say(", ").Type(api.OnDevice, show).Say("; ").Type(api.OnDevice, source).Say(" names the interface that it sends from").
		Say("\n3. the path, in each access list: ").Type(api.OnPath, fmt.Sprintf("permit tcp host %s host %s eq %d", w.Device, w.Server, asked))
}
