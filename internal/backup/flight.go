package backup

import (
	"fmt"
	"sync"
)

// flights lets one run at a time copy the content of one digest. The zero
// value is ready.
type flights struct {
	mu  sync.Mutex
	now map[string]chan struct{}
}

// begin starts the flight of a digest. It returns what ends the flight, or,
// when one is under way already, a channel that is closed when it has ended.
func (f *flights) begin(md5 string, size int64) (done func(), wait <-chan struct{}) {
	key := fmt.Sprintf("%s:%d", md5, size)
	f.mu.Lock()
	defer f.mu.Unlock()
	if flying, ok := f.now[key]; ok {
		return nil, flying
	}
	if f.now == nil {
		f.now = make(map[string]chan struct{})
	}
	landed := make(chan struct{})
	f.now[key] = landed
	return func() {
		f.mu.Lock()
		delete(f.now, key)
		f.mu.Unlock()
		close(landed)
	}, nil
}
