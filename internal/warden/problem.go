package warden

import (
	"errors"
	"fmt"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
)

// Invalid returns the problem of a request that contradicts itself or names
// something impossible.
func Invalid(format string, args ...any) *api.Problem {
	err := fmt.Errorf(format, args...)
	return &api.Problem{Detail: cause.Text(err), Exit: api.ExitUsage, Err: err}
}

// wrongField returns the problem of one field of a request, by its JSON name.
func wrongField(field, format string, args ...any) *api.Problem {
	p := Invalid(format, args...)
	p.Field = field
	return p
}

// ErrConflict is behind a problem of a request that does not fit the present state; test with
// errors.Is.
var ErrConflict = errors.New("it does not fit the present state")

// conflict returns such a problem.
func conflict(fix api.Fix, format string, args ...any) *api.Problem {
	err := fmt.Errorf(format, args...)
	return &api.Problem{Detail: cause.Text(err), Exit: api.ExitRefused, Fix: fix, Err: errors.Join(err, ErrConflict)}
}

// unknown returns the problem of a name that matches nothing.
func unknown(fix api.Fix, format string, args ...any) *api.Problem {
	err := fmt.Errorf(format, args...)
	return &api.Problem{Detail: cause.Text(err), Exit: api.ExitUnknown, Fix: fix, Err: err}
}

// AsProblem returns err as a Problem; nil for nil. It is the one place where
// an error gets its exit code.
func AsProblem(err error) *api.Problem {
	var p *api.Problem
	var wrong *config.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p):
		return whole(p, err)
	case errors.As(err, &wrong), errors.Is(err, api.ErrInvalidDevice), errors.Is(err, catalog.ErrExists):
		return &api.Problem{Detail: cause.Text(err), Fix: cause.Carried(err), Exit: api.ExitUsage, Err: err}
	case errors.Is(err, catalog.ErrNotFound):
		return &api.Problem{Detail: cause.Text(err), Fix: cause.Carried(err), Exit: api.ExitUnknown, Err: err}
	}
	return &api.Problem{Cause: cause.Of(err), Detail: cause.Text(err), Fix: cause.FixOf(err), Exit: api.ExitError, Err: err}
}

// whole returns p with all that err, which wraps it, says: over the socket the
// problem is all that is left of err.
func whole(p *api.Problem, err error) *api.Problem {
	if cause.Text(err) == p.Error() {
		return p
	}
	all := *p
	all.Field, all.Detail, all.Err = "", cause.Text(err), err
	return &all
}
