package tftp_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
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
