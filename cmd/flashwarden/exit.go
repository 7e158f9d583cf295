package main

import (
	"errors"
	"fmt"
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
	exitRefused = 4 // refused for safety before anything was touched
	exitUnknown = 5 // a name that matches nothing
)

// usageError is a command line that cannot be carried out.
type usageError struct{ err error }

// Error says what is wrong with the command line.
func (e usageError) Error() string { return e.err.Error() }

// Unwrap lets errors.Is and errors.As see what was wrong.
func (e usageError) Unwrap() error { return e.err }

// unknownError is a name that matches nothing.
type unknownError struct{ err error }

// Error says which name matches nothing.
func (e unknownError) Error() string { return e.err.Error() }

// Unwrap lets errors.Is and errors.As see what was looked for.
func (e unknownError) Unwrap() error { return e.err }

// Outcomes that were told already: they only choose the exit code.
var (
	errDevicesFailed = errors.New("devices failed")
	errProblems      = errors.New("problems found")
	errRefused       = errors.New("refused for safety")
	errTimeOver      = errors.New("the time of an offer or a reception is over")
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
	case errors.Is(err, errRefused):
		return exitRefused
	case errors.As(err, &unknown), errors.Is(err, catalog.ErrNotFound):
		return exitUnknown
	}
	return exitError
}

// explain says what went wrong and the next step: to people on standard
// error, and, where a program waits for a document that was not printed, as
// that document.
func (p *program) explain(err error) {
	if err = untold(err); err == nil {
		return
	}
	fix := cause.Carried(err)
	if told(err) != "" {
		fix = cause.FixOf(err)
	}
	hint := fix.String()
	fmt.Fprintf(p.err, "flashwarden: %s\n", printable(err.Error()))
	if hint != "" {
		fmt.Fprintf(p.err, "  next: %s\n", printable(hint))
	}
	if p.json && !p.told {
		failure := map[string]string{"cause": told(err), "message": err.Error(), "hint": hint}
		if err := p.writeJSON(map[string]any{"error": failure}); err != nil {
			fmt.Fprintf(p.err, "flashwarden: %v\n", err)
		}
	}
}

// told is the cause of err in a document; empty for a mistake on the command
// line or in the configuration, which is no defect of the program.
func told(err error) string {
	switch exitCode(err, nil) {
	case exitUsage, exitUnknown:
		return ""
	}
	return string(cause.Of(err))
}

// untold is what of err was not told already.
func untold(err error) error {
	if err == errDevicesFailed || err == errProblems || err == errRefused || err == errTimeOver {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var left []error
	for _, e := range joined.Unwrap() {
		left = append(left, untold(e))
	}
	return errors.Join(left...)
}
