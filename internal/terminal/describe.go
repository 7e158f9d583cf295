package terminal

import (
	"fmt"

	"flashwarden/api"
)

// Describe returns in words what a device does. It is empty for an event that
// is of no interest to a person.
func Describe(e api.Event) string {
	switch e.Step {
	case api.StepQueued:
		if e.Why == "" {
			return "waiting for its turn"
		}
		return "waiting for its turn: " + e.Why
	case api.StepLogin:
		return "logging in"
	case api.StepLook:
		return "reading facts and listings"
	case api.StepVerify:
		return "verifying MD5 of " + e.File + dots(e.Marks)
	case api.StepWait:
		if e.File == "" {
			return "waiting to try again"
		}
		return "waiting for another device that copies the same " + e.File
	case api.StepCopy:
		return fmt.Sprintf("copying %s (%s)", e.File, Bytes(e.Size))
	case api.StepKept:
		return "kept " + e.File
	case api.StepChange:
		return e.File
	case api.StepProved:
		return "verified " + e.File
	case api.StepReload:
		return "waiting for the restart"
	case api.StepDone:
		return ended(e)
	}
	return ""
}

// ended is the result of a device in one line.
func ended(e api.Event) string {
	text := StatusText(endWord(e.Status, e.Cause), e.Warnings)
	switch {
	case e.Status == "":
		return ""
	case e.Cause == api.Cancelled:
		return text
	case e.Cause != "":
		return text + ": " + CauseWords(e.Cause)
	case e.Bytes == 0:
		return fmt.Sprintf("%s in %.1f s", text, e.Seconds)
	}
	return fmt.Sprintf("%s, %s copied in %.1f s", text, Bytes(e.Bytes), e.Seconds)
}

// dots counts the dots that a device prints while it computes a digest.
func dots(n int) string {
	if n == 0 {
		return ""
	}
	return " (" + Count(n, "dot") + ")"
}

// ToneOf returns the meaning of a status.
func ToneOf(status string) Tone {
	switch status {
	case api.StatusOK, api.StatusUnchanged:
		return Good
	case api.StatusIncomplete:
		return Warn
	case api.StatusFailed:
		return Bad
	}
	return Plain
}
