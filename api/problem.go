package api

// Exit is the exit code of a command that ends with a Problem. It is part of
// the product: scripts branch on it.
type Exit int

// The exit codes.
const (
	ExitOK      Exit = 0
	ExitError   Exit = 1 // an error, or a check found something
	ExitUsage   Exit = 2 // usage or configuration
	ExitFailed  Exit = 3 // some or all devices failed or are incomplete
	ExitRefused Exit = 4 // the whole operation was refused for safety before anything was touched
	ExitUnknown Exit = 5 // a name that matches nothing
)

// Problem is why an operation could not be carried out (RFC 9457 over HTTP).
// It is the error of every operation, in one process and over the socket.
type Problem struct {
	Cause  Cause  `json:"cause"`           // empty for a mistake of the caller
	Field  string `json:"field,omitempty"` // the JSON name of the field of the request that is wrong; Detail begins with its value
	Detail string `json:"detail"`
	Fix    Fix    `json:"fix,omitempty"`
	Exit   Exit   `json:"exit"`
	Err    error  `json:"-"` // the error behind it; nil over the socket
}

// Error returns the observation. The fix is rendered apart from it.
func (p *Problem) Error() string {
	if p.Field != "" {
		return p.Field + " " + p.Detail
	}
	return p.Detail
}

// Unwrap returns the error behind the problem, for errors.Is and errors.As.
func (p *Problem) Unwrap() error { return p.Err }
