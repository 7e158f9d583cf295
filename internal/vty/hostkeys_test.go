package vty

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"flashwarden/internal/cause"
)

// memoryKeys is a KeyStore in memory.
type memoryKeys struct {
	mu   sync.Mutex
	keys map[string][]string
	err  error // of every call
}

func (m *memoryKeys) HostKeys(_ context.Context, host, via string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys[host+" "+via], m.err
}

func (m *memoryKeys) PinHostKey(_ context.Context, host, via, key string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys == nil {
		m.keys = make(map[string][]string)
	}
	if at := host + " " + via; m.keys[at] == nil {
		m.keys[at] = []string{key}
	}
	return m.keys[host+" "+via], m.err
}

// TestHostKeys pins a key for each address and each route, and for no other.
func TestHostKeys(t *testing.T) {
	store := &memoryKeys{}
	key := ed25519Key(t).PublicKey()
	jump := &Jump{Address: "jump.example.net", Username: "ops"}
	for at, c := range map[string]Config{
		"sw1 ":                             {Address: "sw1"},
		"[sw1]:2222 ":                      {Address: "sw1:2222"},
		"2001:db8::1 ":                     {Address: "[2001:db8::1]"},
		"10.0.0.1 jump.example.net":        {Address: "10.0.0.1", Via: jump},
		"10.0.0.1 [jump.example.net]:2222": {Address: "10.0.0.1:22", Via: &Jump{Address: "jump.example.net:2222", Username: "else"}},
	} {
		c.Name, c.HostKeys = "sw1", &HostKeys{Store: store}
		if err := c.checkKey(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if err := c.checkKey(t.Context(), ed25519Key(t).PublicKey()); cause.Of(err) != cause.HostKeyChanged {
			t.Errorf("%s with another key: %v", at, err)
		}
		if err := c.checkKey(t.Context(), key); err != nil {
			t.Errorf("%s with its own key: %v", at, err)
		}
		if len(store.keys[at]) != 1 {
			t.Errorf("nothing is pinned at %q: %v", at, store.keys)
		}
	}
	if len(store.keys) != 5 {
		t.Errorf("pinned %v", store.keys)
	}
}

// TestHostKeysUnreadable: a store that fails or is damaged is no unknown host.
func TestHostKeysUnreadable(t *testing.T) {
	for name, store := range map[string]*memoryKeys{
		"error":   {err: errors.New("disk")},
		"damaged": {keys: map[string][]string{"sw2 ": {"ssh-ed25519 garbage"}}},
	} {
		c := Config{Name: "sw2", Address: "sw2", HostKeys: &HostKeys{Store: store}}
		if err := c.checkKey(t.Context(), ed25519Key(t).PublicKey()); err == nil || cause.Of(err) == cause.HostKeyUnknown {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHostKeysRace runs two first logins at once. The same key wins for both.
func TestHostKeysRace(t *testing.T) {
	store := &memoryKeys{}
	var wg sync.WaitGroup
	errs := make([]error, 2)
	c := Config{Name: "sw1", Address: "sw1", HostKeys: &HostKeys{Store: store, Policy: AskUser}}
	var both sync.WaitGroup
	both.Add(2)
	c.HostKeys.Ask = func(string, string) bool { // both have looked up the key before one pins it
		both.Done()
		both.Wait()
		return true
	}
	for i := range errs {
		key := ed25519Key(t).PublicKey()
		wg.Go(func() { errs[i] = c.checkKey(t.Context(), key) })
	}
	wg.Wait()
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	if errs[0] != nil || cause.Of(errs[1]) != cause.HostKeyChanged || len(store.keys) != 1 {
		t.Errorf("errors %v, pinned %v", errs, store.keys)
	}
}
