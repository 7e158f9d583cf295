//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package conformance

import "errors"

func makePipe(string) error { return errors.ErrUnsupported }

func makeSocket(string) error { return errors.ErrUnsupported }
