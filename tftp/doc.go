// Package tftp implements a TFTP server engine and a client: RFC 1350 (the
// protocol), RFC 1123 section 4.2 (corrections), RFC 2347 (options), RFC 2348
// (blksize), RFC 2349 (timeout, tsize) and RFC 7440 (windowsize). The server
// does not store files itself: a Handler decides about every request.
//
// # Server
//
// A Server is a struct. Every zero field has a documented default. The caller
// provides the listening socket:
//
//	c, err := net.ListenPacket("udp", ":69")
//	…
//	s := &tftp.Server{Handler: h, Ports: tftp.PortRange{First: 1056, Last: 1059}}
//	err = s.Serve(ctx, c)
//
// ListenAndServe does both. Serve ends with its context, and then breaks off running
// transfers. Shutdown lets them end.
//
// The listening socket receives requests only. Transfers share ports: any number
// of them run on each port at the same time, and the address of the peer
// distinguishes them (RFC 1350 section 4 requires only that the pair of ports is
// unique). A read that asks for a window or for large blocks gets a port of its
// own, unless Server.Ports sets a range. One goroutine reads all ports and runs the state machines of
// the transfers. A bounded number of other goroutines call the Handler; the
// calls of one transfer are made in order. A peer that has not answered yet needs
// no goroutine, timer or file descriptor, and is dropped first when there are too
// many transfers.
//
// Dir is a Handler for the files of a directory; it needs Linux. Everything else
// works on every system. Only on Linux, packets are read and sent in batches, replies
// come from the address that received the request, and ICMP messages end transfers.
//
// A Server guarantees:
//
//   - The final ACK means that the file is stored: it is sent only after
//     Writer.Commit returned nil. While Commit runs, repeated packets are ignored.
//     Afterwards, a repeated last DATA gets the final ACK again for 20 s (RFC 1350
//     section 6, dallying).
//   - In lockstep, only a timer repeats a DATA, never a repeated ACK (RFC 1123
//     section 4.2.3.1, Sorcerer's Apprentice). A window that the peer sends again
//     gets one ACK.
//   - The retransmission timeout is adaptive and backs off (RFC 1123 section
//     4.2.3.2, by the method of RFC 6298, with Karn's rule).
//   - A peer that does not answer gets the first packet at most three times, plus
//     once for each repetition of its request.
//   - A read that was forged sends little to its victim, even if the attacker knows
//     the ports and sends blind ACKs: on a shared port, each packet of the peer pays
//     for a few blocks at most. A timeout repeats one block, never a window. On
//     Linux, the ICMP message "port unreachable" ends the read at once. It ends an
//     upload only if the peer sends nothing more, because the message may be forged.
//   - An ERROR is never answered. On the listening port, only requests are
//     answered.
//   - Replies are sent from the address that received the request (on Linux).
//   - A file whose size differs from the tsize of its request is not stored.
//
// # Limits
//
//   - A request has up to 2048 bytes. RFC 2347 permits 512.
//   - A block has 8 to 65464 bytes (RFC 2348), a timeout 1 to 255 s (RFC 2349
//     section 2), a window 1 to 16384 blocks (RFC 7440). The Server also reduces a
//     window to Server.WindowBytes.
//   - After block 65535 comes block 0, so the size of a file is unlimited. An upload
//     without a window may also go on with block 1.
//   - The Server answers the options blksize2, utimeout and rollover as tftp-hpa does.
//   - Mail mode (RFC 1350 section 1) gets ERROR 4. The multicast option (RFC 2090)
//     is ignored.
//
// # Errors
//
// An [Error] is an ERROR packet as a value: a Handler returns one to choose the code
// and the text. A [PeerError] is an ERROR that the other side sent, and wraps the
// Error. Test for them with errors.As, or with errors.Is for fs.ErrNotExist,
// fs.ErrPermission and fs.ErrExist. [ErrTimeout] is a net.Error. If a Handler, Reader
// or Writer panics, only its transfer ends, with ERROR 0. Other errors are wrapped
// unchanged: those of the Handler, the reader or writer, the context and the network.
//
// # Client
//
// A Client puts and gets single files. It uses plain RFC 1350 unless its fields
// request options.
package tftp
