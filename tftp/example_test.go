package tftp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/netip"
	"strings"
	"time"

	"flashwarden/tftp"
)

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

// lines is a Handler that sends the output of a program, whose size nobody knows.
type lines struct{ uploads }

func (lines) OpenRead(context.Context, *tftp.Request) (tftp.Reader, error) {
	return tftp.Stream(io.NopCloser(strings.NewReader("made when it was asked for\n"))), nil
}

func ExampleStream() {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	server := &tftp.Server{Handler: lines{}}
	go server.Serve(context.Background(), conn)

	var got bytes.Buffer
	_, err = (&tftp.Client{}).Get(context.Background(), conn.LocalAddr().(*net.UDPAddr).AddrPort(), "report", &got)
	fmt.Print(got.String(), err)
	// Output:
	// made when it was asked for
	// <nil>
}

// Shutdown waits for running transfers, at most as long as its context.
func ExampleServer_Shutdown() {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	server := &tftp.Server{Handler: uploads{}}
	ended := make(chan error)
	go func() { ended <- server.Serve(context.Background(), conn) }()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println(server.Shutdown(ctx))
	fmt.Println(<-ended)
	// Output:
	// <nil>
	// <nil>
}
