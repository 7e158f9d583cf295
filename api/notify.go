package api

import "time"

// The events that a service sends notifications about.
const (
	NotifyFailed       = "failed"        // the newest backup of a device failed
	NotifyAtRisk       = "at-risk"       // a device is not protected
	NotifyImageMissing = "image-missing" // a device runs an image that is not in the vault
	NotifyImageDiffers = "image-differs" // an image has another digest than the published one
	NotifyCareFailed   = "care-failed"   // a prune, a check, a mirror or a list of devices failed, or is late
	NotifyRecovered    = "recovered"     // one of the above has ended
	NotifySummary      = "daily-summary" // once a day: which switches are at risk
	NotifyTesting      = "test"          // somebody tries a target; it cannot be left out
)

// NotifyEvents lists the events that a target can choose, in the order of the documentation.
func NotifyEvents() []string {
	return []string{NotifyFailed, NotifyRecovered, NotifyAtRisk, NotifyImageMissing, NotifyImageDiffers, NotifyCareFailed, NotifySummary}
}

// Notification is one message of a service: the body of a webhook.
type Notification struct {
	ID    string       `json:"id"` // the same if a message is sent twice, because its answer was lost
	Event string       `json:"event"`
	Time  time.Time    `json:"time"` // UTC
	Host  string       `json:"host"` // that sends it
	Title string       `json:"title"`
	Text  string       `json:"text"`  // the whole message for people
	Items []NotifyItem `json:"items"` // at most MostNamed
	More  int          `json:"more"`  // so many further items are left out
	// Summary counts the devices; null: it was not asked for.
	Summary *StatusSummary `json:"summary"`
}

// NotifyItem is one subject of a notification: a device, an image or a task.
type NotifyItem struct {
	Event   string    `json:"event"`   // that has begun, or for NotifyRecovered the one that has ended
	Subject string    `json:"subject"` // the name of the device, SHA-256 of the image, the task
	Device  string    `json:"device"`  // empty: it is about no device
	Site    string    `json:"site"`
	Group   string    `json:"group"`
	Since   time.Time `json:"since"` // UTC: when it was noticed
	Cause   Cause     `json:"cause"`
	Message string    `json:"message"`
	Hint    string    `json:"hint"`
}

// NotifyTest asks for a test of targets.
type NotifyTest struct {
	Name string `json:"name,omitempty"` // of a target; empty: all
}

// NotifyTestResult is the test of one target.
type NotifyTestResult struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	OK      bool   `json:"ok"`
	Message string `json:"message"` // what the receiver answered, or why there was no answer
	Hint    string `json:"hint"`    // the next step, if the test failed
}
