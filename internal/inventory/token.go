package inventory

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
)

// maxToken is the longest token for a server with a list, in bytes.
const maxToken = 4096

// ReadToken reads the token in the first line of a file.
func ReadToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	defer f.Close() // it was only read
	line, err := bufio.NewReader(io.LimitReader(f, maxToken)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(line)
	if token == "" {
		return "", fmt.Errorf("the first line of %s is empty: it must be the token", path)
	}
	return token, nil
}

// mayHaveToken refuses to send a token where others can read it.
func mayHaveToken(place string) error {
	u, err := url.Parse(place)
	if err == nil && u.Scheme == "https" {
		return nil
	}
	if err == nil && u.Scheme == "http" {
		if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() {
			return nil
		}
	}
	return errors.New("a token is sent to a server with https alone, or to this machine")
}
