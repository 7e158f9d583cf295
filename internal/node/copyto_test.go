package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/ios"
	"flashwarden/internal/iossim"
	"flashwarden/internal/node"
	"flashwarden/tftp"
)

// oneFile serves one file by TFTP.
type oneFile struct{ data []byte }

func (f oneFile) OpenRead(context.Context, *tftp.Request) (tftp.Reader, error) {
	return reader{bytes.NewReader(f.data)}, nil
}

func (oneFile) OpenWrite(context.Context, *tftp.Request) (tftp.Writer, error) {
	return nil, errors.New("nothing is taken")
}

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

// serve serves one file on a port of its own as long as the test lasts.
func serve(t *testing.T, data []byte) (port uint16) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := (&tftp.Server{Handler: oneFile{data}}).Serve(ctx, conn); err != nil && ctx.Err() == nil {
			t.Errorf("TFTP server: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return uint16(conn.LocalAddr().(*net.UDPAddr).Port)
}

// TestCopyToEveryProfile copies a file into the flash of every simulated
// device: the other direction of the dialogue.
func TestCopyToEveryProfile(t *testing.T) {
	t.Parallel()
	n := openNode(t)
	want := bytes.Repeat([]byte("put back "), 777)
	port := serve(t, want)
	var wg sync.WaitGroup
	for i, profile := range iossim.Profiles() {
		s := startSwitch(t, n, profile, iossim.Options{Listen: fmt.Sprintf("127.0.3.%d:0", i+1), TFTPPort: port, InsecureMode: true}, false)
		d := deviceOf(t, n, profile, s)
		wg.Go(func() {
			path := flashOf(profile) + "/put-back.txt"
			if err := copyTo(t.Context(), n, d, path, int64(len(want))); err != nil {
				t.Errorf("%s: %v; typed was\n%s", profile, err, strings.Join(s.Commands(), "\n"))
			}
			if got, _ := s.File(path); !bytes.Equal(got, want) {
				t.Errorf("%s: %s has %d bytes, want %d", profile, path, len(got), len(want))
			}
		})
	}
	wg.Wait()
}

func copyTo(ctx context.Context, n *node.Node, d api.Device, path string, size int64) error {
	dev, err := n.Dial(ctx, d)
	if err != nil {
		return err
	}
	defer dev.Close()
	result, err := dev.Copy(ctx, ios.Copy{ToDevice: true, Server: "127.0.0.1", Name: "anything", Destination: path})
	if err == nil && (!result.OK || result.Bytes != size) {
		err = fmt.Errorf("the copy ended with %+v", result)
	}
	return err
}

// flashOf is the file system that a profile's image is in, or would be.
func flashOf(profile string) string {
	if fs, _, found := strings.Cut(shapes[profile].image, ":"); found && fs != "tftp" {
		return fs + ":"
	}
	return "flash:"
}
