package catalog

import (
	"context"
	"time"
)

// Notices remember which target got which message, so that none is sent twice.
type Notices interface {
	// Notices returns all notices, by target, event and subject.
	Notices(ctx context.Context) ([]Notice, error)
	// ChangeNotices enters notices, or replaces them, and forgets others: all or nothing.
	ChangeNotices(ctx context.Context, put, forget []Notice) error
}

// Notice is what one target of notifications knows, or is going to learn, about one condition.
// Target, Event and Subject name it. Times are UTC, in whole milliseconds.
type Notice struct {
	Target  string
	Event   string
	Subject string
	Began   time.Time // when the condition was noticed
	Sent    time.Time // when the message about its beginning was sent; zero: not yet
	Ended   time.Time // when its end was noticed, which the target does not know yet; zero: it holds
}
