package terminal

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// longestLine is the length of the longest line that Linux lets a person type on a
// terminal, in bytes (termios(3)).
const longestLine = 4096

// ReadLine reads the next line that a person types on a terminal. The end of ctx ends
// it, and then it takes nothing of a line that is typed later, such as the keys for a pager.
func ReadLine(ctx context.Context, f *os.File) (string, error) {
	ended, end, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer ended.Close()
	stop := context.AfterFunc(ctx, func() { end.Close() })
	defer func() {
		if stop() {
			end.Close()
		}
	}()
	if err := awaitLine(int(f.Fd()), int(ended.Fd())); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	line := make([]byte, longestLine)
	n, err := f.Read(line)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return string(line[:n]), err
}

// awaitLine waits until one of two files can be read.
func awaitLine(a, b int) error {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(a), Events: unix.POLLIN}, {Fd: int32(b), Events: unix.POLLIN}}, -1)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
