package ios

import "testing"

// What the tests outside the package, which bring a terminal, take from those
// inside.

// Transcript is one real session with a device.
type Transcript = transcript

// ReadTranscripts reads those whose command begins with verb.
func ReadTranscripts(t *testing.T, verb string) []Transcript { return readTranscripts(t, verb) }

// Backup and Restore are the copies of the tests of the dialogue.
var Backup, Restore = backup, restore
