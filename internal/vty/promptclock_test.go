package vty

import (
	"fmt"
	"testing"
)

func TestWithoutClock(t *testing.T) {
	for prompt, want := range map[string]string{
		"SW1#": "SW1#", "SW1>": "SW1>", "12:34:56 SW1#": "SW1#", "[12:34:56] SW1#": "SW1#", "[*12:34:56.789] SW1(config)#": "SW1(config)#",
		"SW1 12:34:56#": "SW1#", "SW1-9:05#": "SW1#", "SW1(12:34:56)>": "SW1>", "12:34:56.789 UTC Sun Nov 22 2026 SW1#": "SW1#",
		"2026-11-22 12:34:56 SW1#": "SW1#", "Nov 22 12:34:56 SW1#": "SW1#", "Sun Nov 22 2026 12:34 SW1#": "SW1#",
		"12:34:56#": "12:34:56#", "00:11:22:33:44:55#": "00:11:22:33:44:55#", "SW1:1#": "SW1:1#",
	} {
		if got := withoutClock(prompt); got != want {
			t.Errorf("%q: %q, want %q", prompt, got, want)
		}
	}
}

// TestLookWithClock tests prompts that show the time. The known prompt is older
// than the one on the line.
func TestLookWithClock(t *testing.T) {
	tests := []struct {
		text, line string
		want       endingKind
		end        string
	}{
		{"one\n", "[09:59:59] SW1#", endPrompt, "[09:59:59] SW1#"},
		{"one\n", "[10:00:00] SW1#", endPrompt, "[10:00:00] SW1#"},
		{"one\n", "[10:00:00] SW1(config)#", endPrompt, "[10:00:00] SW1(config)#"},
		{"one\n", "last line[10:00:00] SW1#", endPrompt, "[10:00:00] SW1#"},
		{"[10:00:00] SW1#\n%SYS-5-X: y\n", "", endPrompt, "[10:00:00] SW1#"},
		{"one\n", "[10:00:00] Other#", endPrompt, "[10:00:00] Other#"},
		{"one\n", "[10:00:00] SW1#show", endNone, ""},
		{"one\n", "[10:00:00] two words#", endNone, ""},
	}
	for _, test := range tests {
		got := look([]byte(test.text), test.line, "[09:59:58] SW1#", true)
		if got.kind != test.want || got.kind == endPrompt && got.text != test.end {
			t.Errorf("%q %q: %+v, want %v %q", test.text, test.line, got, test.want, test.end)
		}
	}
}

// TestHourOfTwoDigits finds a prompt behind text when its hour has one digit more or
// less than before.
func TestHourOfTwoDigits(t *testing.T) {
	for _, c := range []struct{ line, known, want string }{
		{"text[10:00:00] SW1#", "[9:59:59] SW1#", "[10:00:00] SW1#"},
		{"text[0:00:00] SW1#", "[23:59:59] SW1#", "[0:00:00] SW1#"},
		{"text[10:00:00] SW2#", "[9:59:59] SW1#", ""},
	} {
		if got := promptAtEnd(c.line, c.known); got != c.want {
			t.Errorf("%q after %q: %q", c.line, c.known, got)
		}
	}
}

// TestPromptWithClock logs in to a device whose prompt changes each time, gets
// privileged EXEC and runs a command.
func TestPromptWithClock(t *testing.T) {
	for _, form := range []string{"[%s] SW1%c", "SW1 %s%c", "%s UTC Sun Nov 22 2026 SW1%c"} {
		t.Run(form, func(t *testing.T) {
			seeds(t, func(t *testing.T, seed uint64) {
				bubble(t, seed, func(f *fake) {
					f.login()
					clockShell(f, form)
				}, func(t *testing.T, f *fake, cfg Config) {
					l := dial(t, cfg)
					defer l.Close()
					for range 3 {
						if got := run(t, l, "show x", nil); got != "one\n\n" {
							t.Errorf("output %q", got)
						}
					}
					if l.Hostname() != "SW1" {
						t.Errorf("host name %q", l.Hostname())
					}
					want := "admin\rs3cret-pass\r\renable\ren4ble-pass\rterminal length 0\rterminal width 511\rshow x\rshow x\rshow x\r"
					if f.got() != want {
						t.Errorf("typed %q", f.got())
					}
				})
			})
		})
	}
}

// clockShell is shell with another time in each prompt. Its form takes the time
// and the last character.
func clockShell(f *fake, form string) {
	mark, prompts := '>', 0
	next := func() {
		prompts++
		f.prompt = fmt.Sprintf(form, fmt.Sprintf("09:59:%02d", 50+prompts), mark)
	}
	next()
	answers := map[string]func(){
		"":                   next,
		"terminal length 0":  next,
		"terminal width 511": next,
		"show x":             func() { f.print("one\n"); next() },
		"enable":             func() { f.print("Password: "); f.secret(); mark = '#'; next() },
	}
	f.shell(f.prompt, answers)
}
