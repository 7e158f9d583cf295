package credential

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// Login is all that a credential has. It is sealed as one text.
type Login struct {
	Username       string     `json:"username"`
	Password       api.Secret `json:"password"`
	EnablePassword api.Secret `json:"enable_password"`
	Identity       string     `json:"identity"` // private key

	// Old is the login before a change of the password, while it reaches the devices. It is tried
	// first. Nil: there is none.
	Old *Login `json:"old,omitempty"`
}

// Reader finds secrets where they are at the time of a login. Several goroutines may use it at
// the same time. The zero value is ready.
type Reader struct {
	mu       sync.Mutex
	commands map[string]*output
}

// output is what a command printed. The zero value is that of one that never ran.
type output struct {
	mu     sync.Mutex // held while the command runs: all who want its secret wait for one run
	at     time.Time  // when it ended
	secret string
	err    error // why there is no secret
}

// get returns the secret for a login that asked at some time. It runs the command unless its output
// can be used again. If the command fails, all who have waited for it get its error: a fleet must not
// wait for as many time limits as it has devices.
func (o *output) get(ctx context.Context, asked time.Time, run func(context.Context) (string, error)) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil && !o.at.IsZero() && time.Since(o.at) < outputLasts || o.err != nil && o.at.After(asked) {
		return o.secret, o.err
	}
	secret, err := run(ctx)
	if ctx.Err() != nil { // this login was cancelled, not those that wait
		return secret, err
	}
	o.at, o.secret, o.err = time.Now(), secret, err
	return secret, err
}

const (
	// commandWithin is how long a command may take.
	commandWithin = 30 * time.Second
	// outputLasts is how long the output of a command is used again: a backup of a fleet
	// begins many logins at once.
	outputLasts = time.Minute
	// systemdDirectory is the variable with the directory of systemd's credentials.
	systemdDirectory = "CREDENTIALS_DIRECTORY"
)

// Read returns a secret; empty if there is none. An error quotes no secret.
func (r *Reader) Read(ctx context.Context, s api.Secret) (string, error) {
	switch {
	case s.Environment != "":
		return fromEnvironment(s.Environment)
	case s.Systemd != "":
		return fromSystemd(s.Systemd)
	case s.Command != "":
		return r.fromCommand(ctx, s.Command)
	}
	return s.Text, nil
}

func fromEnvironment(name string) (string, error) {
	secret := os.Getenv(name)
	if secret == "" {
		return "", notFound(fmt.Errorf("the environment variable %s is empty or not set", name),
			"set it for the process that logs in: for the service, in a drop-in of its unit (EnvironmentFile=)")
	}
	return secret, nil
}

func fromSystemd(name string) (string, error) {
	directory := os.Getenv(systemdDirectory)
	if directory == "" {
		return "", notFound(fmt.Errorf("there are no systemd credentials: %s is not set", systemdDirectory),
			"add LoadCredential="+name+":FILE to the unit of the service; only the service can use it")
	}
	f, err := os.Open(filepath.Join(directory, name))
	if err != nil {
		return "", notFound(fmt.Errorf("systemd credential %s: %w", name, err), "add LoadCredential="+name+":FILE to the unit of the service")
	}
	defer f.Close() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("systemd credential %s: %w", name, err)
	}
	return firstLine(text, "systemd credential "+name)
}

func (r *Reader) fromCommand(ctx context.Context, line string) (string, error) {
	asked := time.Now()
	r.mu.Lock()
	if r.commands == nil {
		r.commands = map[string]*output{}
	}
	if r.commands[line] == nil {
		r.commands[line] = &output{}
	}
	out := r.commands[line]
	r.mu.Unlock()
	return out.get(ctx, asked, func(ctx context.Context) (string, error) { return run(ctx, line) })
}

// run runs a command, and returns the first line that it prints.
func run(ctx context.Context, line string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, commandWithin, fmt.Errorf("it did not end within %v", commandWithin))
	defer cancel()
	words, err := Words(line)
	if err != nil {
		return "", notFound(fmt.Errorf("the command that prints the password cannot run: %w", err), "set it again; for a pipe or a variable, write a script")
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with all that it started
	cmd.WaitDelay = time.Second
	out, said := &limited{most: maxSecret + 1}, &limited{most: maxSecret}
	cmd.Stdout, cmd.Stderr = out, said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if message := complaint(said.String(), out.String()); message != "" {
			err = fmt.Errorf("%w: %q", err, message)
		}
		return "", cause.WithFix(fmt.Errorf("the command that prints the password failed: %w", err),
			api.Say("run it as the user of the service, and see what it prints: ").Do("credential list").Say(" shows it"))
	}
	return firstLine(out.Bytes(), "the output of the command")
}

// complaint is the first line that a command wrote to its standard error, without the secrets
// that it printed. It is cut off only after they are gone: a part of a secret would not be found.
func complaint(said, printed string) string {
	const most = 200 // bytes
	message, _, _ := strings.Cut(strings.TrimSpace(said), "\n")
	lines := strings.FieldsFunc(printed, func(r rune) bool { return r == '\n' || r == '\r' })
	secrets := append(lines, strings.Fields(printed)...)
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // one may be a part of another
	for _, secret := range secrets {
		if len(secret) > 2 { // a shorter one is no secret, and stands in many words
			message = strings.ReplaceAll(message, secret, "…")
		}
	}
	return strings.ToValidUTF8(message[:min(len(message), most)], "")
}

// limited keeps the first bytes that are written to it.
type limited struct {
	bytes.Buffer
	most int
}

func (l *limited) Write(b []byte) (int, error) {
	l.Buffer.Write(b[:min(len(b), l.most-l.Len())]) // a Buffer returns no error
	return len(b), nil
}

// firstLine returns the first line of a text.
func firstLine(text []byte, of string) (string, error) {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	secret := strings.TrimSuffix(string(line), "\r")
	switch {
	case secret == "":
		return "", notFound(errors.New("the first line of "+of+" is empty"), "it must be the password")
	case len(secret) > maxSecret:
		return "", notFound(fmt.Errorf("the first line of %s is longer than %d bytes", of, maxSecret), "it must be the password")
	}
	return secret, nil
}

// notFound is the error of a secret that is not where it should be.
func notFound(err error, fix string) error { return cause.WithFix(err, api.Say(fix)) }

// String does not reveal the secrets.
func (l Login) String() string { return "login of " + l.Username }

// GoString returns String.
func (l Login) GoString() string { return l.String() }
