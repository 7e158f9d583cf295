// Package conformance judges TFTP servers. It sends datagrams to a running server,
// looks at the answers and at the files in the directory of the server, and needs
// nothing else: any server in any language can be judged.
//
// A [Case] has a number, the section of the RFC that it tests, and a level:
//
//   - [Must]: an RFC says MUST, or the protocol breaks otherwise.
//   - [Should]: an RFC says SHOULD, or recommends it.
//   - [Hardening]: no RFC requires it, but a server without it loses files, floods
//     third parties or can be stopped by one client.
//
// [Run] is for the tests of a server in Go, and the command tftp-conformance for
// all others:
//
//	func TestConformance(t *testing.T) {
//		dir := t.TempDir()
//		conformance.Run(t, conformance.Target{Addr: start(t, dir), Dir: dir})
//	}
//
//	go run flashwarden/tftp/conformance/cmd/tftp-conformance 192.0.2.1:69 /srv/tftp
//
// An option is optional (RFC 2347): a case about an option that the server does not
// grant is skipped. The same holds for uploads. A server may accept uploads to new
// names, or only to files that exist and are writable for everybody.
//
// The cases create files in the directory. Their names begin with "conformance-",
// and they are removed at the end.
//
// No case depends on the speed of the machine. A packet that must arrive has
// [Target.Patience]. A case that counts repetitions and finds too many, runs again,
// because a client that did not get the processor in time also causes repetitions.
//
// The package depends on the standard library only.
package conformance
