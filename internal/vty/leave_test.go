package vty

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/cause"
)

// TestLeave ends sessions in each state. A device that waits at its prompt gets
// exit; at any other place nothing is typed but the break of a running command.
// typed is the end of the typing.
func TestLeave(t *testing.T) {
	const ready = "terminal length 0\rterminal width 511\r"
	stop := cause.New(cause.UnsafePrompt, "no", nil)
	tests := []struct {
		name    string
		answers func(f *fake) map[string]func()
		client  func(t *testing.T, l *Line)
		typed   string
		limit   time.Duration // of Close
	}{
		{"at the prompt", nil, func(*testing.T, *Line) {}, ready + "exit\r", 0},
		{"twice", nil, func(_ *testing.T, l *Line) { l.Close() }, ready + "exit\r", 0},
		{"after a message", func(f *fake) map[string]func() {
			return map[string]func(){"show x": func() { f.print("one\n\nSW1#\n*Mar  1 00:01:39.123: %SYS-5-X: y\n"); f.noPrompt = true }}
		}, func(t *testing.T, l *Line) { run(t, l, "show x", nil) }, "show x\rexit\r", 0},
		{"in a mode of configuration", func(f *fake) map[string]func() {
			return map[string]func(){
				"configure terminal": func() { f.prompt = "SW1(config)#" },
				"line vty 0 4":       func() { f.prompt = "SW1(config-line)#" },
				"exit": func() {
					switch f.prompt {
					case "SW1(config-line)#":
						f.prompt = "SW1(config)#"
					case "SW1(config)#":
						f.prompt = "SW1#"
					default:
						f.conn.Close()
					}
				},
			}
		}, func(t *testing.T, l *Line) { run(t, l, "configure terminal", nil); run(t, l, "line vty 0 4", nil) },
			"line vty 0 4\rexit\rexit\rexit\r", time.Second},
		{"an account that may not type exit", func(f *fake) map[string]func() {
			return map[string]func(){"exit": func() { f.print("Command authorization failed.\n") }}
		}, func(*testing.T, *Line) {}, ready + "exit\rexit\rexit\r", leaveTime},
		{"a console, whose connection stays", func(f *fake) map[string]func() {
			return map[string]func(){"exit": func() { f.print("\n\nSW1 con0 is now available\n\n\nPress RETURN to get started.\n\n"); f.line() }}
		}, func(*testing.T, *Line) {}, ready + "exit\r", leaveTime},
		{"a device that no longer answers", func(f *fake) map[string]func() {
			return map[string]func(){"exit": func() { f.line() }}
		}, func(*testing.T, *Line) {}, ready + "exit\r", leaveTime},
		{"after a question without an answer", func(f *fake) map[string]func() {
			return map[string]func(){"copy": func() { f.print("Erase flash: before copying? [confirm]"); f.line() }}
		}, func(t *testing.T, l *Line) {
			if _, err := l.Run(t.Context(), "copy", func(string) (string, error) { return "", stop }); !errors.Is(err, stop) {
				t.Error(err)
			}
		}, "copy\r" + keyBreak + "exit\r", 0},
		{"after a question that stays", func(f *fake) map[string]func() {
			return map[string]func(){"copy": func() {
				for f.conn != nil {
					f.print("Erase flash: before copying? [confirm]")
					if f.line() == "EOF" {
						return
					}
				}
			}}
		}, func(t *testing.T, l *Line) {
			if _, err := l.Run(t.Context(), "copy", func(string) (string, error) { return "", stop }); !errors.Is(err, stop) {
				t.Error(err)
			}
		}, "copy\r" + keyBreak, 0},
		{"Ctrl-C in a copy", func(f *fake) map[string]func() {
			return map[string]func(){"copy": func() { f.print("!!!!"); f.line(); f.print("\n%Error\n") }}
		}, func(t *testing.T, l *Line) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := l.RunLong(ctx, "copy", 0, nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}, "copy\r" + keyBreak + "exit\r", 0},
		{"silence in a command", func(f *fake) map[string]func() {
			return map[string]func(){"show x": func() { f.line() }}
		}, func(t *testing.T, l *Line) {
			if _, err := l.Run(t.Context(), "show x", nil); cause.Of(err) != cause.SessionLost {
				t.Error(err)
			}
		}, "show x\r", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, 1, func(f *fake) {
				f.login()
				answers := map[string]func(){}
				if test.answers != nil {
					answers = test.answers(f)
				}
				f.shell("SW1#", answers)
			}, func(t *testing.T, f *fake, cfg Config) {
				l := dial(t, cfg)
				test.client(t, l)
				began := time.Now()
				if err := l.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
				if took := time.Since(began); took > test.limit {
					t.Errorf("closing took %s", took)
				}
				if !strings.HasSuffix(f.got(), test.typed) {
					t.Errorf("typed %q, want %q at the end", f.got(), test.typed)
				}
			})
		})
	}
}

// TestLeaveAfterEnable leaves a device that refused privileged EXEC.
func TestLeaveAfterEnable(t *testing.T) {
	bubble(t, 1, func(f *fake) {
		f.login()
		f.shell("SW1>", map[string]func(){"enable": func() { f.print("% Error in authentication.\n") }})
	}, func(t *testing.T, f *fake, cfg Config) {
		if _, err := Dial(t.Context(), cfg); cause.Of(err) != cause.EnableFailed {
			t.Error(err)
		}
		if want := "enable\rexit\r"; !strings.HasSuffix(f.got(), want) {
			t.Errorf("typed %q, want %q at the end", f.got(), want)
		}
	})
}

// TestCloseDuringCommand closes the line from another goroutine. Nothing more is
// typed, and the command ends.
func TestCloseDuringCommand(t *testing.T) {
	bubble(t, 1, func(f *fake) {
		f.login()
		f.shell("SW1#", map[string]func(){"show x": func() { f.line() }})
	}, func(t *testing.T, f *fake, cfg Config) {
		l := dial(t, cfg)
		time.AfterFunc(time.Second, func() { l.Close() })
		began := time.Now()
		if _, err := l.Run(t.Context(), "show x", nil); cause.Of(err) != cause.SessionLost || time.Since(began) > 2*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		if want := "show x\r"; !strings.HasSuffix(f.got(), want) {
			t.Errorf("typed %q, want %q at the end", f.got(), want)
		}
	})
}
