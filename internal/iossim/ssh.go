package iossim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// sshConfig returns the SSH configuration of the profile.
func (s *Switch) sshConfig() *ssh.ServerConfig {
	p := s.profile
	c := &ssh.ServerConfig{
		Config:        ssh.Config{KeyExchanges: p.KeyExchanges, Ciphers: p.Ciphers, MACs: p.MACs},
		ServerVersion: p.SSHVersion,
		MaxAuthTries:  loginAttempts,
		PasswordCallback: func(m ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return nil, s.checkLogin(m.User(), string(password))
		},
		KeyboardInteractiveCallback: func(m ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil || len(answers) != 1 {
				return nil, errors.Join(errors.New("no password given"), err)
			}
			return nil, s.checkLogin(m.User(), answers[0])
		},
	}
	if s.userKey != nil {
		c.PublicKeyCallback = s.checkKey
	}
	c.AddHostKey(s.hostKey)
	return c
}

func (s *Switch) checkKey(m ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	if m.User() != s.o.Username || !bytes.Equal(key.Marshal(), s.userKey.Marshal()) {
		return nil, fmt.Errorf("key of %q refused", m.User())
	}
	return nil, nil
}

func (s *Switch) checkLogin(user, password string) error {
	s.note("Username: " + user)
	s.note("Password: " + hidden)
	if user != s.o.Username || password != s.o.Password {
		return fmt.Errorf("login of %q refused", user)
	}
	return nil
}

// serveSSH serves one SSH connection with one session, as IOS does.
func (s *Switch) serveSSH(conn net.Conn) error {
	c, channels, requests, err := ssh.NewServerConn(conn, s.sshConfig())
	if err != nil {
		return fmt.Errorf("SSH handshake: %w", err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer c.Close()
	wg.Go(func() { ssh.DiscardRequests(requests) })
	taken := false
	for offered := range channels {
		if offered.ChannelType() != "session" || taken {
			if err := offered.Reject(ssh.Prohibited, "one session to a connection"); err != nil {
				return fmt.Errorf("refuse a channel: %w", err)
			}
			continue
		}
		taken = true
		channel, asked, err := offered.Accept()
		if err != nil {
			return fmt.Errorf("accept a channel: %w", err)
		}
		wg.Go(func() {
			s.serveChannel(conn, channel, asked)
			c.Close()
		})
	}
	return nil
}

// serveChannel handles the requests of a session (RFC 4254 section 6), and
// runs a shell or one command in it.
func (s *Switch) serveChannel(conn net.Conn, channel ssh.Channel, asked <-chan *ssh.Request) {
	t := newTerminal()
	defer s.execTimeout(t, conn)()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer channel.Close()
	begun := make(chan string, 1)
	wg.Go(func() { answerRequests(t, asked, begun) })
	line, ok := <-begun
	if !ok {
		return
	}
	if isSCP(line) {
		s.serveSCP(conn, channel, line)
		return
	}
	t.open(channel)
	defer t.close()
	if line == "" {
		s.runShell(t, conn)
	} else {
		s.runOne(t, conn, line)
	}
	channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{0}))
}

// answerRequests answers the requests of a session until it ends. It sends the
// command to run to begun, once; "" means a shell.
func answerRequests(t *terminal, asked <-chan *ssh.Request, begun chan<- string) {
	defer close(begun)
	started := false
	for r := range asked {
		ok := !started || r.Type == "window-change"
		switch r.Type {
		case "pty-req":
			t.resize(ptySize(r.Payload))
		case "window-change":
			t.resize(windowSize(r.Payload))
		case "shell", "exec":
			if ok {
				started = true
				begun <- execCommand(r)
			}
		case "env":
		default:
			ok = false
		}
		if r.WantReply {
			r.Reply(ok, nil) // the next read fails when the line is gone
		}
	}
}

// ptySize returns the window size of a pty-req: terminal name, columns, rows.
func ptySize(payload []byte) (columns, rows uint32) {
	if len(payload) < 4 {
		return 0, 0
	}
	name := uint64(binary.BigEndian.Uint32(payload))
	if uint64(len(payload)) < 4+name {
		return 0, 0
	}
	return windowSize(payload[4+name:])
}

func windowSize(payload []byte) (columns, rows uint32) {
	if len(payload) < 8 {
		return 0, 0
	}
	return binary.BigEndian.Uint32(payload), binary.BigEndian.Uint32(payload[4:])
}

// execCommand returns the command of an exec request; "" for a shell.
func execCommand(r *ssh.Request) string {
	if r.Type != "exec" || len(r.Payload) < 4 {
		return ""
	}
	return string(r.Payload[4:])
}
