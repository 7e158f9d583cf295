package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// Sockets are the sockets that systemd has passed to this process; nil: none. The
// caller closes them.
type Sockets struct {
	TFTP net.PacketConn // the UDP socket, whatever its name
	Web  net.Listener   // the TCP socket, or the one with the name "web"
}

// TakeSockets takes the sockets of systemd. Only the first call gets them. A socket
// that the service does not use is an error, because nobody would answer on it.
func TakeSockets() (Sockets, error) {
	var s Sockets
	var err error
	for _, f := range activation.Files(true) {
		err = errors.Join(err, s.take(f), f.Close())
	}
	if err != nil {
		return Sockets{}, errors.Join(err, s.Close())
	}
	return s, nil
}

// take takes one socket. f is closed by the caller: the net package duplicates it.
func (s *Sockets) take(f *os.File) error {
	kind, err := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return fmt.Errorf("descriptor %s of systemd: %w", f.Name(), err)
	}
	domain, err := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return fmt.Errorf("descriptor %s of systemd: %w", f.Name(), err)
	}
	ip := domain == unix.AF_INET || domain == unix.AF_INET6
	switch {
	case kind == unix.SOCK_DGRAM && ip && s.TFTP == nil:
		s.TFTP, err = net.FilePacketConn(f)
	case kind == unix.SOCK_DGRAM && ip:
		return errors.New("systemd has passed two UDP sockets, and the TFTP server uses one: keep one ListenDatagram= in the socket unit; the line ListenDatagram=69 covers IPv4 and IPv6")
	case kind == unix.SOCK_STREAM && (ip || f.Name() == webName) && s.Web == nil:
		s.Web, err = net.FileListener(f)
	default:
		return fmt.Errorf("systemd has passed the socket %s, which this program does not use: it uses one UDP socket for TFTP, and one TCP socket with FileDescriptorName=%s for the API", f.Name(), webName)
	}
	if err != nil {
		return fmt.Errorf("socket %s of systemd: %w", f.Name(), err)
	}
	return nil
}

// webName is the FileDescriptorName= of the socket for the API.
const webName = "web"

// Close closes the sockets.
func (s Sockets) Close() error {
	var err error
	if s.TFTP != nil {
		err = s.TFTP.Close()
	}
	if s.Web != nil {
		err = errors.Join(err, s.Web.Close())
	}
	return err
}
