package main

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/scp"
	"flashwarden/internal/spool"
)

// session is the input and output of one command.
type session struct {
	io.Reader
	io.Writer
}

// run starts a command over SSH.
func run(addr, command string, config *ssh.ClientConfig) (*ssh.Client, session, error) {
	config.HostKeyCallback = ssh.InsecureIgnoreHostKey()
	c, err := ssh.Dial("tcp", addr, config)
	if err != nil {
		return nil, session{}, err
	}
	s, err := c.NewSession()
	if err != nil {
		return nil, session{}, err
	}
	out, err := s.StdoutPipe()
	if err != nil {
		return nil, session{}, err
	}
	in, err := s.StdinPipe()
	if err != nil {
		return nil, session{}, err
	}
	return c, session{out, in}, s.Start(command)
}

// pull fetches a file as scp-pull does.
func pull(args []string) error {
	key, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return err
	}
	s, err := spool.Open(args[5])
	if err != nil {
		return err
	}
	ticket := s.ExpectPull(loopback, number(args[4]), time.Now().Add(time.Hour))
	defer ticket.Close()
	config := &ssh.ClientConfig{User: args[1], Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}}
	config.Ciphers = []string{args[6]}
	c, stream, err := run(args[0], scp.Command(args[3]), config)
	if err != nil {
		return err
	}
	defer c.Close()
	return scp.Receive(stream, func(size int64) (scp.Sink, error) { return ticket.Pull(size) })
}

// many opens a transfer for each ticket on standard input, and holds them in the middle.
func many(by, addr string, size int64) error {
	send := map[string]func(addr, name, password string, file io.Reader, size int64) error{"scp": overSCP, "https": overHTTPS}[by]
	if send == nil {
		return fmt.Errorf("no transport %q", by)
	}
	in := bufio.NewScanner(os.Stdin)
	var all, halves sync.WaitGroup
	finish := make(chan struct{})
	for in.Scan() && in.Text() != "" {
		name, password, _ := strings.Cut(in.Text(), " ")
		halves.Add(1)
		half := sync.OnceFunc(halves.Done)
		all.Go(func() {
			defer half()
			if err := send(addr, name, password, &held{size: size, half: half, finish: finish}, size); err != nil {
				log.Print(err)
			}
		})
	}
	halves.Wait()
	fmt.Println("half")
	in.Scan()
	close(finish)
	all.Wait()
	return nil
}

// held is a file of zeros that stops in its middle.
type held struct {
	size, read int64
	half       func()
	finish     chan struct{}
}

func (h *held) Read(p []byte) (int, error) {
	if h.read == h.size {
		return 0, io.EOF
	}
	left := h.size - h.read
	if h.read < h.size/2 {
		left = h.size/2 - h.read
	} else if h.read == h.size/2 {
		h.half()
		<-h.finish
	}
	n := min(int64(len(p)), left)
	clear(p[:n])
	h.read += n
	return int(n), nil
}

func overSCP(addr, name, password string, file io.Reader, size int64) error {
	c, stream, err := run(addr, "scp -t "+name, &ssh.ClientConfig{User: name, Auth: []ssh.AuthMethod{ssh.Password(password)}})
	if err != nil {
		return err
	}
	defer c.Close()
	return scp.Send(stream, "x", file, size)
}

func overHTTPS(addr, name, password string, file io.Reader, size int64) error {
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	defer c.Close()
	r, w := io.Pipe()
	go func() {
		fmt.Fprintf(w, "PUT /%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nAuthorization: Basic %s\r\n\r\n", name, size, basic(name, password))
		_, err := io.Copy(w, file)
		w.CloseWithError(err)
	}()
	if _, err := io.CopyBuffer(struct{ io.Writer }{c}, r, make([]byte, 16<<10)); err != nil {
		return err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && !strings.Contains(answer, " 201 ") {
		err = errors.New(answer)
	}
	return err
}

func basic(name, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(name + ":" + password))
}

// relay delays connections in both directions. So many bytes of each direction may be on the way: those
// whose acknowledgement has not returned.
func relay(addr string, delay time.Duration, window int) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	for {
		near, err := l.Accept()
		if err != nil {
			return err
		}
		far, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		go carry(near, far, delay/2, window)
		go carry(far, near, delay/2, window)
	}
}

// piece is data on its way.
type piece struct {
	data []byte
	at   time.Time // when it arrives
}

const pieceSize = 4 << 10

func carry(from, to net.Conn, half time.Duration, window int) {
	room := make(chan struct{}, window/pieceSize)
	way := make(chan piece, window/pieceSize+1)
	go func() {
		defer close(way)
		for {
			room <- struct{}{}
			data := make([]byte, pieceSize)
			n, err := from.Read(data)
			if err != nil {
				return
			}
			way <- piece{data[:n], time.Now().Add(half)}
		}
	}()
	for p := range way {
		time.Sleep(time.Until(p.at))
		if _, err := to.Write(p.data); err != nil {
			break
		}
		time.AfterFunc(half, func() { <-room })
	}
	to.Close()
	from.Close()
}
