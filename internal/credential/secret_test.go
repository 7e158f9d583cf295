package credential

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"flashwarden/api"
)

// TestSecrets finds secrets in each place, and says where one is missing.
func TestSecrets(t *testing.T) {
	directory := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", directory)
	t.Setenv("CORE_PASSWORD", "from the environment")
	for name, text := range map[string]string{"core": "from systemd\r\nsecond line\n", "empty": "\n"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		secret      api.Secret
		want, error string
	}{
		{api.Secret{}, "", ""},
		{api.Secret{Text: "pass word"}, "pass word", ""},
		{api.Secret{Environment: "CORE_PASSWORD"}, "from the environment", ""},
		{api.Secret{Environment: "NOBODY_SET_THIS"}, "", "NOBODY_SET_THIS is empty or not set"},
		{api.Secret{Systemd: "core"}, "from systemd", ""},
		{api.Secret{Systemd: "empty"}, "", "the first line of systemd credential empty is empty"},
		{api.Secret{Systemd: "none"}, "", "no such file"},
		{api.Secret{Command: "printf 'from a command\\nsecond line'"}, "from a command", ""},
		{api.Secret{Command: "true"}, "", "the first line of the output of the command is empty"},
		{api.Secret{Command: "sh -c 'echo topsecret; echo locked >&2; exit 2'"}, "", `exit status 2: "locked"`},
		{api.Secret{Command: "head -c 100000 /dev/zero"}, "", "longer than 65536 bytes"},
	} {
		got, err := new(Reader).Read(t.Context(), c.secret)
		switch {
		case c.error == "" && (err != nil || got != c.want):
			t.Errorf("%v: %q, error %v; want %q", c.secret, got, err, c.want)
		case c.error != "" && (err == nil || !strings.Contains(err.Error(), c.error) || strings.Contains(err.Error(), "topsecret")):
			t.Errorf("%v: error %v; want %q", c.secret, err, c.error)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := new(Reader).Read(t.Context(), api.Secret{Systemd: "core"}); err == nil || !strings.Contains(err.Error(), "CREDENTIALS_DIRECTORY is not set") {
		t.Errorf("without systemd: error %v", err)
	}
}

// TestComplaint: no part of a printed secret is left in what a command says, whatever else it printed.
func TestComplaint(t *testing.T) {
	long := strings.Repeat("x", 190) + " hunter2-hunter2 "
	for _, c := range []struct{ said, printed, want string }{
		{"locked\nsecond line", "", "locked"},
		{"wrong: hunter2!", "hunter2\n", "wrong: …!"},
		{"wrong: hunter2-long", "hunter2 hunter2-long", "wrong: …"},
		{"wrong: a b c d", "a b c d\n", "wrong: …"},
		{"wrong: a b c d", "a b c d\r\nuser: x\n", "wrong: …"},
		{long + "refused", "hunter2-hunter2", strings.Repeat("x", 190) + " … refus"},
		{"it is: é" + strings.Repeat("é", 200), "", "it is: " + strings.Repeat("é", 96)},
	} {
		if got := complaint(c.said, c.printed); got != c.want {
			t.Errorf("%q with the output %q: %q; want %q", c.said, c.printed, got, c.want)
		}
	}
	script := fmt.Sprintf("sh -c 'echo hunter2-hunter2; echo %q >&2; exit 1'", long)
	if _, err := new(Reader).Read(t.Context(), api.Secret{Command: script}); err == nil || strings.Contains(err.Error(), "hunter") {
		t.Errorf("error %v", err)
	}
}

// TestOutputOfFailedCommand: those who wait for a command that fails get its error. Who asks later runs
// it again. A login that is cancelled says nothing to the others.
func TestOutputOfFailedCommand(t *testing.T) {
	asked, failed, o := time.Now(), errors.New("locked"), new(output)
	gives := func(secret string, err error) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return secret, err }
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for i, c := range []struct {
		ctx   context.Context
		asked time.Time
		run   func(context.Context) (string, error)
		want  string
		err   error
	}{
		{cancelled, asked, gives("", context.Canceled), "", context.Canceled},
		{t.Context(), asked, gives("", failed), "", failed},
		{t.Context(), asked, gives("not run", nil), "", failed},
		{t.Context(), asked.Add(time.Hour), gives("word", nil), "word", nil},
		{t.Context(), asked, gives("not run", nil), "word", nil},
	} {
		if got, err := o.get(c.ctx, c.asked, c.run); got != c.want || err != c.err {
			t.Errorf("%d: %q, error %v; want %q, %v", i, got, err, c.want, c.err)
		}
	}
}

// TestCommandRunsOnce has many logins at once: the command runs once. One that failed runs again.
func TestCommandRunsOnce(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs")
	r := new(Reader)
	s := api.Secret{Command: fmt.Sprintf(`sh -c 'echo run >>"%s"; test $(wc -l <"%s") -gt 1 && echo word'`, runs, runs)}
	if _, err := r.Read(t.Context(), s); err == nil {
		t.Error("no error from a command that fails")
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if secret, err := r.Read(t.Context(), s); secret != "word" || err != nil {
				t.Errorf("%q, error %v", secret, err)
			}
		})
	}
	wg.Wait()
	if text, err := os.ReadFile(runs); string(text) != "run\nrun\n" || err != nil {
		t.Errorf("it ran like this: %q, error %v", text, err)
	}
}

// TestCommandIsEnded ends a command, and what it started, with the login.
func TestCommandIsEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	began := filepath.Join(t.TempDir(), "began")
	if err := os.MkdirAll(began, 0o700); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := new(Reader).Read(ctx, api.Secret{Command: fmt.Sprintf(`sh -c 'rmdir "%s"; sleep 1000 | sleep 1000'`, began)})
		done <- err
	}()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(began); err != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the command did not begin")
		}
	}
	cancel()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("error %v", err)
	}
}

// TestSecretsAreNotPrinted prints them in all ways.
func TestSecretsAreNotPrinted(t *testing.T) {
	login := Login{Identity: "topsecret", Password: api.Secret{Text: "topsecret"}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, login); strings.Contains(text, "topsecret") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}
