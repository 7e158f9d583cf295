package ios

import "testing"

// Parts of the tests inside the package, for the tests outside it, which use a
// terminal.

// Transcript is one real session with a device.
type Transcript = transcript

// ReadTranscripts reads the transcripts whose command begins with verb.
func ReadTranscripts(t *testing.T, verb string) []Transcript { return readTranscripts(t, verb) }

// Backup and Restore are the copies in the tests of the dialogue.
var Backup, Restore = backup, restore
