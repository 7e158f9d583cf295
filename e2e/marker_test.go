package e2e

import (
	"bytes"
	"strings"
	"sync"
)

// marker is a writer that reports when a word was written.
type marker struct {
	seen chan struct{}

	mu   sync.Mutex
	word string
	done bool
	text bytes.Buffer
}

func newMarker(word string) *marker { return &marker{word: word, seen: make(chan struct{})} }

func (m *marker) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.text.Write(p)
	if !m.done && strings.Contains(m.text.String(), m.word) {
		m.done = true
		close(m.seen)
	}
	return len(p), nil
}

func (m *marker) all() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.String()
}
