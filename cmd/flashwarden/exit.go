package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
)

// The exit codes. They are part of the product: scripts branch on them.
const (
	exitOK      = 0
	exitError   = 1 // an error, or check found something
	exitUsage   = 2 // usage or configuration
	exitFailed  = 3 // some or all devices failed or are incomplete
	exitUnknown = 5 // a name that matches nothing
)

// usageError is a command line that cannot be carried out.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// unknownError is a name that matches nothing.
type unknownError struct{ err error }

func (e unknownError) Error() string { return e.err.Error() }
func (e unknownError) Unwrap() error { return e.err }

// Outcomes that were told already: they only choose the exit code.
var (
	errDevicesFailed = errors.New("devices failed")
	errProblems      = errors.New("problems found")
)

// exitCode is the code for err. caught is the signal that ended the command,
// or nil.
func exitCode(err error, caught os.Signal) int {
	var usage usageError
	var unknown unknownError
	var configuration *config.Error
	switch sig, _ := caught.(syscall.Signal); {
	case sig != 0:
		return 128 + int(sig)
	case err == nil:
		return exitOK
	case errors.As(err, &usage), errors.As(err, &configuration):
		return exitUsage
	case errors.Is(err, errDevicesFailed):
		return exitFailed
	case errors.As(err, &unknown), errors.Is(err, catalog.ErrNotFound):
		return exitUnknown
	}
	return exitError
}

// explain prints err and its next step.
func explain(w io.Writer, err error) {
	if errors.Is(err, errDevicesFailed) || errors.Is(err, errProblems) {
		return
	}
	fmt.Fprintf(w, "flashwarden: %s\n", printable(err.Error()))
	if hint := cause.Hint(err); hint != "" {
		fmt.Fprintf(w, "  next: %s\n", printable(hint))
	}
}
