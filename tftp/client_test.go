package tftp_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"flashwarden/tftp"
)

func TestPutAndGet(t *testing.T) {
	clients := []tftp.Client{
		{},
		{BlockSize: 8},
		{BlockSize: 1468, TSize: true},
		{BlockSize: 1468, Window: 16, TSize: true},
		{BlockSize: 65464},
		{Netascii: true},
		{Netascii: true, BlockSize: 9, Window: 4},
	}
	for _, c := range clients {
		for _, n := range []int{0, 1, 511, 512, 513, 1468, 65536, 300_000} {
			t.Run(fmt.Sprintf("blksize=%d window=%d netascii=%v/%d", c.BlockSize, c.Window, c.Netascii, n), func(t *testing.T) {
				m := &memory{}
				addr := serve(t, &tftp.Server{Handler: m})
				want := content(uint64(n), n)
				if got, err := c.Put(context.Background(), addr, "f", bytes.NewReader(want), int64(n)); err != nil || !c.Netascii && got != int64(n) {
					t.Fatalf("put: %d bytes, %v", got, err)
				}
				if stored, ok := m.get("f"); !ok || !bytes.Equal(stored, want) {
					t.Fatalf("stored %d bytes, present %v; want the %d that were put", len(stored), ok, n)
				}
				var back bytes.Buffer
				if _, err := c.Get(context.Background(), addr, "f", &back); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(back.Bytes(), want) {
					t.Fatalf("got %d bytes back, not the %d that were put", back.Len(), n)
				}
			})
		}
	}
}
