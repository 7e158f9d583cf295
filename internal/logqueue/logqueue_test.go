package logqueue

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

func TestOrder(t *testing.T) {
	var out bytes.Buffer
	q := New(&out)
	var want strings.Builder
	for i := range 1000 {
		fmt.Fprintf(q, "line %d\n", i)
		fmt.Fprintf(&want, "line %d\n", i)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if out.String() != want.String() {
		t.Errorf("got %d bytes, want %d", out.Len(), want.Len())
	}
}

// TestNobodyReads fills the queue of a reader that stopped: no Write blocks, and the
// reader learns how many lines it missed.
func TestNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		q := New(w)
		for i := range 3 * maxLines {
			fmt.Fprintf(q, "line %d\n", i)
		}
		if err := q.Close(); err == nil {
			t.Error("Close says that all lines were written")
		}
		all := make(chan []byte)
		go func() {
			b, _ := io.ReadAll(r)
			all <- b
		}()
		<-q.done
		w.Close()
		lines := strings.Split(strings.TrimSpace(string(<-all)), "\n")
		kept, dropped := 0, 0
		for _, line := range lines {
			var n int
			if _, err := fmt.Sscanf(line, "%d log lines were dropped", &n); err != nil {
				kept++
			}
			dropped += n
		}
		if kept < maxLines || dropped == 0 || dropped != 3*maxLines-kept {
			t.Errorf("%d lines were kept, %d dropped; the last one is %q", kept, dropped, lines[len(lines)-1])
		}
	})
}
