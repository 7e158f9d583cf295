package vty

import (
	"strings"
	"testing"
	"time"

	"flashwarden/internal/cause"
)

// TestUnknownQuestions meets questions at login that are neither for the user
// name nor for the password. None of them gets an answer, not even Return, and
// the login ends soon. The texts are written by hand, after the commands "menu"
// of IOS and the prompts of token servers.
func TestUnknownQuestions(t *testing.T) {
	const loggedIn = "admin\rs3cret-pass\r"
	tests := []struct {
		name  string
		plays func(f *fake)
		typed string
		says  string
	}{
		{"a menu", func(f *fake) {
			f.login()
			f.print("\n  Server sw1\n\n  1   Show the version\n  2   Exit\n\nSelection: ")
		}, loggedIn, "a menu in place of a prompt; it asks \"Selection:\""},
		{"a menu with a default", func(f *fake) { f.login(); f.print("\n1. Reload\n2. Exit\nEnter your selection [1]: ") }, loggedIn, "selection [1]"},
		{"a pending reload", func(f *fake) { f.print("\nProceed with reload? [confirm]") }, "", "Proceed with reload? [confirm]"},
		{"a pending reload on a console with messages", func(f *fake) {
			f.print("\nProceed with reload? [confirm]")
			time.Sleep(5 * time.Second)
			f.print("\n*Mar  1 00:01:39.123: %SYS-5-X: y\n")
		}, "", "Proceed with reload? [confirm]"},
		{"a pending overwrite", func(f *fake) { f.print("\nDo you want to over write? [confirm]\n*Mar  1 00:01:39.123: %SYS-5-X: y\n") }, "", "over write? [confirm]"},
		{"a pending yes or no", func(f *fake) {
			f.print("\nSystem configuration has been modified. Save? [yes/no]: ")
		}, "", "Save? [yes/no]"},
		{"a challenge", func(f *fake) { f.login(); f.print("Challenge: 81467\nResponse: ") }, loggedIn, "Response:"},
		{"a next token", func(f *fake) { f.login(); f.print("Enter Next Tokencode: ") }, loggedIn, "Tokencode:"},
		{"a passcode after the password", func(f *fake) { f.login(); f.print("Enter PASSCODE: ") }, loggedIn, "PASSCODE:"},
		{"a passcode twice", func(f *fake) {
			f.print("\nUsername: ")
			f.line()
			f.print("PASSCODE: ")
			f.secret()
			f.print("\nWait for the next tokencode\nPASSCODE: ")
		}, loggedIn, "PASSCODE:"},
		{"a challenge in place of the password", func(f *fake) { f.print("\nUsername: "); f.line(); f.print("Challenge 81467: ") }, "admin\r", "Challenge 81467:"},
		{"a second factor", func(f *fake) { f.login(); f.print("1. Push\n2. Phone\nPasscode or option (1-2): ") }, loggedIn, "asks \"Passcode or option (1-2):\" during login"},
		{"a question", func(f *fake) { f.login(); f.print("\nDo you accept the terms? ") }, loggedIn, "accept the terms?"},
		{"a terminal server", func(f *fake) { f.login(); f.print("\nHost name: ") }, loggedIn, "Host name:"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			seeds(t, func(t *testing.T, seed uint64) {
				bubble(t, seed, func(f *fake) {
					test.plays(f)
					f.line()
				}, func(t *testing.T, f *fake, cfg Config) {
					began := time.Now()
					l, err := Dial(t.Context(), cfg)
					if err == nil {
						l.Close()
					}
					if cause.Of(err) != cause.PromptUnrecognised || !strings.Contains(err.Error(), test.says) || cause.Hint(err) == "" {
						t.Errorf("error %v (%s)", err, cause.Of(err))
					}
					if f.got() != test.typed {
						t.Errorf("typed %q, want %q", f.got(), test.typed)
					}
					if d := time.Since(began); d > 15*time.Second {
						t.Errorf("after %s", d)
					}
				})
			})
		})
	}
}

// TestUnknownQuestionOfEnable meets a token server behind enable, and a confirmation.
func TestUnknownQuestionOfEnable(t *testing.T) {
	for name, says := range map[string]string{"a challenge": "Challenge: 81467\nResponse: ", "a passcode": "Enter PASSCODE: ",
		"a confirmation": "Somebody else configures this device. End that session? [confirm]"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, func(f *fake) {
				f.login()
				f.shell("SW1>", map[string]func(){"enable": func() { f.print("Password: "); f.secret(); f.print(says); f.line() }})
			}, func(t *testing.T, f *fake, cfg Config) {
				began := time.Now()
				_, err := Dial(t.Context(), cfg)
				if cause.Of(err) != cause.PromptUnrecognised || time.Since(began) > 15*time.Second {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
				if want := "admin\rs3cret-pass\r\renable\ren4ble-pass\r"; f.got() != want {
					t.Errorf("typed %q, want %q", f.got(), want)
				}
			})
		})
	}
}
