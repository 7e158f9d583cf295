// Package e2e has the tests of the built binary: against simulated switches
// over real SSH, Telnet and TFTP, killed at random moments, on full disks, as
// another user, in network namespaces. It holds no code but tests.
package e2e
