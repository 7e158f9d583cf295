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
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Timeout: serverWithin}
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
