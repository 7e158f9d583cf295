package vaulttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"flashwarden/internal/vault"
)

// content is the content of one key.
type content struct {
	data    []byte
	written time.Time
}

// Memory is a vault.Store in memory, with no more than a Store must have. The
// zero value is ready.
type Memory struct {
	mu       sync.Mutex
	contents map[string]content
}

// Put implements vault.Store.
func (m *Memory) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	if err := usable(ctx, key); err != nil {
		return err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if int64(len(data)) != size {
		return fmt.Errorf("the content has %d bytes, expected %d", len(data), size)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.contents[key]; taken {
		return vault.ErrExists
	}
	if m.contents == nil {
		m.contents = make(map[string]content)
	}
	m.contents[key] = content{data, time.Now()}
	return nil
}

// Get implements vault.Store. The reader can do nothing but read.
func (m *Memory) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	c, err := m.content(ctx, key)
	if err != nil {
		return nil, err
	}
	data := c.data
	return io.NopCloser(io.MultiReader(bytes.NewReader(data[min(offset, int64(len(data))):]))), nil
}

// Stat implements vault.Store.
func (m *Memory) Stat(ctx context.Context, key string) (vault.Info, error) {
	c, err := m.content(ctx, key)
	return vault.Info{Key: key, Size: int64(len(c.data)), Modified: c.written}, err
}

// List implements vault.Store.
func (m *Memory) List(ctx context.Context, prefix string, yield func(vault.Info) error) error {
	m.mu.Lock()
	all := maps.Clone(m.contents)
	m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		if err := yield(vault.Info{Key: key, Size: int64(len(all[key].data))}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Delete implements vault.Store.
func (m *Memory) Delete(ctx context.Context, key string) error {
	if _, err := m.content(ctx, key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.contents, key)
	return nil
}

func (m *Memory) content(ctx context.Context, key string) (content, error) {
	if err := usable(ctx, key); err != nil {
		return content{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.contents[key]
	if !ok {
		return content{}, vault.ErrNotFound
	}
	return c, nil
}

func usable(ctx context.Context, key string) error {
	if !vault.ValidKey(key) {
		return fmt.Errorf("%q is not a key of a vault", key)
	}
	return ctx.Err()
}
