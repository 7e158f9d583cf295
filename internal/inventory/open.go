package inventory

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// serverWithin is how long a server may take to send a list.
const serverWithin = time.Minute

// Open opens a list: a file, or the answer of a web server to its URL. A token is sent to the
// server of the URL, and to no other that it names.
func Open(ctx context.Context, source, token string) (io.ReadCloser, error) {
	if !IsServer(source) {
		return os.Open(source)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Timeout: serverWithin}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
		client.CheckRedirect = keepToken
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("the server answers %s", answer.Status)
	}
	return answer.Body, nil
}

// keepToken takes the token from a request to another server than the first one. The library keeps it
// for another port or a part of the domain, and without encryption.
func keepToken(request *http.Request, before []*http.Request) error {
	const most = 10 // as the library has it
	if len(before) >= most {
		return fmt.Errorf("the server named %d other addresses", most)
	}
	if first := before[0].URL; request.URL.Scheme != first.Scheme || request.URL.Host != first.Host {
		request.Header.Del("Authorization")
	}
	return nil
}
