// Package tftp is a TFTP server engine and client: RFC 1350 (the protocol),
// RFC 1123 section 4.2 (its repairs), RFC 2347 (options), RFC 2348 (blksize),
// RFC 2349 (timeout, tsize) and RFC 7440 (windowsize). It knows nothing of what
// is stored: a Handler decides about every request.
//
// # Server
//
// A Server is a struct whose zero fields have documented defaults. It is handed
// its listening socket:
//
//	c, err := net.ListenPacket("udp", ":69")
//	…
//	s := &tftp.Server{Handler: h, Ports: tftp.PortRange{First: 1056, Last: 1059}}
//	err = s.Serve(ctx, c)
//
// The listening socket carries requests only. Transfers leave from a few shared
// ports; on each of them any number of transfers run at once, told apart by the
// address of the peer (RFC 1350 section 4 asks only that the pair of ports is
// unique). One goroutine reads all ports and steps the transfers' state machines;
// the Handler's files are read and written on a bounded set of other goroutines,
// in order for each transfer. A peer that has not answered yet costs no
// goroutine, timer or file descriptor, and gives way when there are too many.
//
// Dir is a Handler for the files of a directory.
//
// What a Server promises:
//
//   - The final ACK means stored: it is sent only after Writer.Commit returned
//     nil. While Commit runs, the peer's repeats are absorbed. Afterwards a
//     repeated last DATA gets the final ACK again for a while (RFC 1350
//     section 6, dallying).
//   - In lockstep a DATA is sent again only because of a timer, never because of a
//     repeated ACK (RFC 1123 section 4.2.3.1, Sorcerer's Apprentice).
//   - Retransmission is adaptive and grows (RFC 1123 section 4.2.3.2, by the
//     method of RFC 6298, with Karn's rule).
//   - The first answer goes to a peer that has not answered at most three times,
//     and once more for each repetition of its request.
//   - An ERROR is never answered; on the listening port nothing but a request is.
//   - Replies leave from the address that was asked (on Linux).
//   - A file whose size is not the tsize of its request is not stored.
//
// # Limits
//
//   - A block has 8 to 65464 bytes (RFC 2348), a window 1 to 16384 blocks
//     (RFC 7440; more are answered with that) and as many as fit into WindowBytes, a
//     timeout 1 to 255 s (RFC 2349 section 2).
//   - Block numbers go on after 65535 with 0: a file has no greatest size.
//   - Mail mode (RFC 1350 section 1) and multicast (RFC 2090) are not spoken:
//     a request for the first gets ERROR 4, the option of the second is left out.
//
// # Errors
//
// An [Error] is an ERROR packet as a value, in both directions: a Handler returns
// one to choose code and text, a Client returns the server's. Test for it with
// errors.As. What else failed keeps its own error: the Handler's or the reader's,
// the context's, the network's.
//
// # Client
//
// A Client puts and gets single files, as plain RFC 1350 unless its fields ask
// for options.
package tftp
