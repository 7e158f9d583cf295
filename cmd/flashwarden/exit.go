package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/warden"
)

// usageError is a mistake in the command line.
type usageError struct{ err error }

// Error returns the mistake in the command line.
func (e usageError) Error() string { return e.err.Error() }

// Unwrap returns the error behind it, for errors.Is and errors.As.
func (e usageError) Unwrap() error { return e.err }

// These results are already printed; the errors only choose the exit code.
var (
	errDevicesFailed = errors.New("devices failed")
	errProblems      = errors.New("problems found")
	errRefused       = errors.New("refused for safety")
	errTimeOver      = errors.New("the offer or the receive expired")
	errInterrupted   = errors.New("interrupted at a question")
)

// exitCode is the code for err. caught is the signal that ended the command,
// or nil.
func exitCode(err error, caught os.Signal) int {
	var usage usageError
	switch sig, _ := caught.(syscall.Signal); {
	case sig != 0:
		return 128 + int(sig)
	case err == nil:
		return int(api.ExitOK)
	case errors.As(err, &usage):
		return int(api.ExitUsage)
	case errors.Is(err, errDevicesFailed):
		return int(api.ExitFailed)
	case errors.Is(err, errRefused):
		return int(api.ExitRefused)
	}
	return int(warden.AsProblem(err).Exit)
}

// flagOf is the flag for a field of a request. A password comes from a file.
func flagOf(field string) string {
	if field == "password" {
		return "--password-file:"
	}
	return "--" + strings.ReplaceAll(field, "_", "-")
}

// problemOf returns the problem behind err. A mistake in the command line has no cause: it is no
// defect of the program.
func problemOf(err error) *api.Problem {
	p := warden.AsProblem(err)
	if exitCode(err, nil) == int(api.ExitUsage) && p.Cause != "" {
		return &api.Problem{Fix: cause.Carried(err)}
	}
	return p
}

// explain prints the error and the next step on standard error. With --json it
// also prints them as the document, unless a document was already printed.
func (p *program) explain(err error) {
	if err = unprinted(err); err == nil {
		return
	}
	problem := problemOf(err)
	text := cause.Text(err)
	if problem.Field != "" {
		text = flagOf(problem.Field) + " " + problem.Detail
	}
	hint := problem.Fix.String()
	p.tell("", "flashwarden: "+text)
	if hint != "" {
		p.tell("  ", "next: "+hint)
	}
	if p.json && !p.printed {
		failure := map[string]string{"cause": string(problem.Cause), "message": text, "hint": hint}
		if err := writeJSON(&p.output, map[string]any{"error": failure}); err != nil {
			fmt.Fprintf(p.err, "flashwarden: %v\n", err)
		}
	}
}

// unprinted returns the part of err that is not printed yet.
func unprinted(err error) error {
	if err == errDevicesFailed || err == errProblems || err == errRefused || err == errTimeOver || err == errInterrupted {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var left []error
	for _, e := range joined.Unwrap() {
		left = append(left, unprinted(e))
	}
	return errors.Join(left...)
}
