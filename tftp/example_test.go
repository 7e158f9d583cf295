package tftp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"flashwarden/tftp"
)

// A directory is served on loopback, and one file of it fetched.
func ExampleServer() {
	dir, err := os.MkdirTemp("", "tftp-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "motd"), []byte("hello, switch\n"), 0o644); err != nil {
		log.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer root.Close()

	conn, err := net.ListenPacket("udp", "127.0.0.1:0") // ":69" in earnest
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error)
	server := &tftp.Server{Handler: &tftp.Dir{Root: root, ReadOnly: true}, Ready: func() { close(ready) }}
	go func() { ended <- server.Serve(ctx, conn) }()
	<-ready

	var got bytes.Buffer
	client := tftp.Client{BlockSize: 1468, Timeout: 5 * time.Second}
	n, err := client.Get(ctx, conn.LocalAddr().(*net.UDPAddr).AddrPort(), "motd", &got)
	fmt.Println(n, err)
	fmt.Print(got.String())

	stop()
	fmt.Println(<-ended)
	// Output:
	// 14 <nil>
	// hello, switch
	// <nil>
}

// Uploads keeps uploads in memory and refuses reads. A Handler decides about every
// request; the peer gets its errors.
type uploads map[string]*bytes.Buffer

func (u uploads) OpenRead(context.Context, *tftp.Request) (tftp.Reader, error) {
	return nil, fs.ErrNotExist // the peer gets ERROR 1
}

func (u uploads) OpenWrite(_ context.Context, r *tftp.Request) (tftp.Writer, error) {
	if !strings.HasSuffix(r.Filename, ".cfg") {
		return nil, &tftp.Error{Code: tftp.CodeAccess, Message: "only configurations"}
	}
	return &upload{name: r.Filename, all: u}, nil
}

type upload struct {
	bytes.Buffer
	name string
	all  uploads
}

func (u *upload) Commit() error { u.all[u.name] = &u.Buffer; return nil } // before the final ACK
func (u *upload) Abort(error)   {}

func ExampleHandler() {
	stored := uploads{}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- (&tftp.Server{Handler: stored}).Serve(ctx, conn) }()
	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()

	client := tftp.Client{Window: 8, TSize: true, Timeout: 5 * time.Second}
	n, err := client.Put(ctx, at, "sw1.cfg", strings.NewReader("hostname sw1\n"), 13)
	fmt.Println(n, err)
	_, err = client.Put(ctx, at, "image.bin", strings.NewReader("x"), 1)
	var refused *tftp.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Code == tftp.CodeAccess, refused.Message)
	}

	stop()
	<-ended
	fmt.Printf("%q\n", stored["sw1.cfg"])
	// Output:
	// 13 <nil>
	// true only configurations
	// "hostname sw1\n"
}

// Errors of a client: an *Error has the code and the text that the server sent.
// Other errors come from the network or from this host.
func ExampleClient_Get() {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- (&tftp.Server{Handler: uploads{}}).Serve(ctx, conn) }()
	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()

	var sent *tftp.Error
	_, err = (&tftp.Client{Timeout: 5 * time.Second}).Get(ctx, at, "nothing", new(bytes.Buffer))
	fmt.Println(errors.As(err, &sent), sent.Code == tftp.CodeNotFound)

	stop()
	<-ended
	_, err = (&tftp.Client{}).Get(ctx, netip.MustParseAddrPort("127.0.0.1:69"), "late", new(bytes.Buffer))
	fmt.Println(errors.Is(err, context.Canceled))
	// Output:
	// true true
	// true
}
