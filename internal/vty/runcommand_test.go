package vty

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashwarden/internal/cause"
)

// at runs client at the prompt of a device that answers commands.
func at(t *testing.T, prompt string, answers func(f *fake) map[string]func(), client func(t *testing.T, l *Line)) {
	seeds(t, func(t *testing.T, seed uint64) {
		bubble(t, seed, func(f *fake) {
			f.login()
			f.shell(prompt, answers(f))
		}, func(t *testing.T, f *fake, cfg Config) {
			l := dial(t, cfg)
			defer l.Close()
			client(t, l)
		})
	})
}

func run(t *testing.T, l *Line, command string, ask Ask) string {
	t.Helper()
	start := time.Now()
	out, err := l.Run(t.Context(), command, ask)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	t.Logf("%s took %s", command, time.Since(start))
	return out
}

// TestRunOutput tests raw outputs of commands and the expected text.
func TestRunOutput(t *testing.T) {
	const syslog = "*Apr  1 15:26:17.047: %LINEPROTO-5-UPDOWN: Line protocol on Interface Vlan1, changed state to up"
	tests := []struct {
		name, plays, want string
		limit             time.Duration // longest duration
	}{
		{"lines", "one\r\ntwo\r\n", "one\ntwo\n", sureQuiet},
		{"nothing", "", "", sureQuiet},
		{"CR CR LF and LF CR", "one\r\r\ntwo\n\rthree\r\n", "one\ntwo\nthree\n", sureQuiet},
		{"looks like prompts", "a#\r\nb>\r\nSW1# is us\r\nOther#\r\n", "a#\nb>\nSW1# is us\nOther#\n", sureQuiet},
		{"looks like questions", "really?\r\n[confirm]\r\nDestination filename [x]?\r\nPassword:\r\n", "really?\n[confirm]\nDestination filename [x]?\nPassword:\n", sureQuiet},
		{"colours, bells and NUL", "\x1b[1;31mred\x1b[0m\x07 x\x00y\x1b]0;title\x07\r\n", "red xy\n", sureQuiet},
		{"8-bit text", "description Z\xfcrich \xc3\xbc\r\n", "description Z\xfcrich \xc3\xbc\n", sureQuiet},
		{"spaces at the end are kept", "description x  \r\n", "description x  \n", sureQuiet},
		{"no final newline", "version 12.0\r\nend", "version 12.0\nend\n", unsureQuiet},
		{"system messages", "one\r\n" + syslog + "\r\ntwo\r\n", "one\n" + syslog + "\ntwo\n", sureQuiet},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			at(t, "SW1#", func(f *fake) map[string]func() {
				return map[string]func(){"show x": func() {
					f.raw(test.plays)
					f.bare = true
				}}
			}, func(t *testing.T, l *Line) {
				for range 2 {
					start := time.Now()
					if got := run(t, l, "show x", nil); got != test.want {
						t.Errorf("output %q, want %q", got, test.want)
					}
					if took := time.Since(start); took > test.limit {
						t.Errorf("took %s, want at most %s", took, test.limit)
					}
				}
			})
		})
	}
}

func TestRunPager(t *testing.T) {
	for _, wipe := range []string{"\r         \r", "\b\b\b\b\b\b\b\b\b         \b\b\b\b\b\b\b\b\b", "\r\x1b[K"} {
		at(t, "SW1#", func(f *fake) map[string]func() {
			return map[string]func(){"show run": func() {
				f.raw("one\r\n --More-- ")
				if f.key() != ' ' {
					f.t.Error("the pager got no space")
				}
				f.raw(wipe + " ip address\r\n!\r\n --More-- ")
				f.key()
				f.raw(wipe + "!\r\nend\r\n")
			}}
		}, func(t *testing.T, l *Line) {
			if got := run(t, l, "show run", nil); got != "one\n ip address\n!\n!\nend\n\n" {
				t.Errorf("wiped with %q: %q", wipe, got)
			}
		})
	}
}

// TestRunScrolledEcho plays the line editor of IOS at 80 columns: the echo of a
// long command scrolls sideways, and its end follows a $.
func TestRunScrolledEcho(t *testing.T) {
	const command = "dir flash:/c3750-ipservicesk9-mz.150-2.SE8/html/images/more/and/more"
	at(t, "SW1#", func(f *fake) map[string]func() {
		f.echo = func(line string) string {
			if line != command {
				return line + "\r\n"
			}
			shown := line[:60]
			tail := "$" + line[len(line)-30:]
			return shown + strings.Repeat("\b", 60) + tail + strings.Repeat(" ", 60-len(tail)) + strings.Repeat("\b", 60-len(tail)) + "\r\n"
		}
		return map[string]func(){command: func() { f.print("No files in directory\n") }}
	}, func(t *testing.T, l *Line) {
		start := time.Now()
		if got := run(t, l, command, nil); got != "No files in directory\n\n" {
			t.Errorf("output %q", got)
		}
		if took := time.Since(start); took > sureQuiet {
			t.Errorf("took %s: the echo was not recognised", took)
		}
	})
}

func TestRunWithoutEcho(t *testing.T) {
	at(t, "SW1#", func(f *fake) map[string]func() {
		f.mute = true
		return map[string]func(){"show x": func() { time.Sleep(time.Second); f.print("one\n") }}
	}, func(t *testing.T, l *Line) {
		for range 2 {
			if got := run(t, l, "show x", nil); strings.TrimSpace(got) != "one" {
				t.Errorf("output %q", got)
			}
		}
	})
}

// TestRunPromptRedrawn plays a message that arrives during the typing. The
// device prints prompt and command again; that prompt is not the end.
func TestRunPromptRedrawn(t *testing.T) {
	at(t, "SW1#", func(f *fake) map[string]func() {
		f.echo = func(line string) string {
			if line == "show x" {
				f.raw("sh\r\n%SYS-5-CONFIG_I: Configured from console\r\nSW1#")
				time.Sleep(time.Second)
			}
			return line + "\r\n"
		}
		return map[string]func(){"show x": func() { f.print("one\n") }}
	}, func(t *testing.T, l *Line) {
		for range 2 {
			if got := run(t, l, "show x", nil); got != "one\n\n" {
				t.Errorf("output %q", got)
			}
		}
	})
}

// TestRunMessageAfterPrompt plays messages after the prompt, which the device
// then does not repeat (as in transcript 021).
func TestRunMessageAfterPrompt(t *testing.T) {
	const message = "*Mar  1 00:21:16.251: %SYS-5-CONFIG_I: Configured by console"
	for _, plays := range []string{
		"one\r\nSW1#\r\n" + message + "\r\n",
		"one\r\nSW1#" + message + "\r\n",
		"one\r\nSW1#\r\n%Error opening tftp://255.255.255.255/network-confg (Timed out)\r\n",
		"one\r\nSW1#\r\n" + message + "\r\n\r\n" + message + "\r\n",
	} {
		at(t, "SW1#", func(f *fake) map[string]func() {
			return map[string]func(){"show x": func() { f.raw(plays); f.noPrompt = true }}
		}, func(t *testing.T, l *Line) {
			for range 2 {
				if got := run(t, l, "show x", nil); got != "one\n" {
					t.Errorf("output %q", got)
				}
			}
		})
	}
}

// TestRunWithinMessage types a command while the device prints a message. The
// end of the message is no question.
func TestRunWithinMessage(t *testing.T) {
	at(t, "SW1#", func(f *fake) map[string]func() {
		return map[string]func(){
			"show x": func() {
				f.print("one\nSW1#")
				time.Sleep(time.Second)
				f.print("\n*Mar  1 00:21:16.251: %PARSER-5-CFGLOG_LOGGEDCMD: User:x  logged command:format flash:")
				f.echo = func(line string) string {
					f.print(" [confirm]")
					time.Sleep(5 * time.Second)
					f.echo = nil
					return "\r\nSW1#" + line + "\r\n"
				}
				f.noPrompt = true
			},
			"show y": func() { f.print("two\n") },
		}
	}, func(t *testing.T, l *Line) {
		if got := run(t, l, "show x", nil); got != "one\n" {
			t.Errorf("output %q", got)
		}
		time.Sleep(2 * time.Second)
		if got := run(t, l, "show y", nil); got != "two\n\n" {
			t.Errorf("output %q", got)
		}
	})
}

func TestRunPromptChanges(t *testing.T) {
	tests := []struct{ prompt, name string }{
		{"SW1(boot)#", "SW1"}, {"SW1-stby#", "SW1"}, {"SW1(config)#", "SW1"}, {"SW1>", "SW1"},
		{"Switch1#", "Switch1"}, {"new.name_2#", "new.name_2"},
		{"SW1-Slot1#", "SW1-Slot1"}, {"SW1(standby)#", "SW1"}, {"SW1(recovery-mode)#", "SW1"}, {"SW1(unlicensed)#", "SW1"},
		{"SW1#\a", "SW1"}, {"\x1b[1mSW1#\x1b[0m \x1b[K", "SW1"}, {"SW1# ", "SW1"},
	}
	for _, test := range tests {
		t.Run(test.prompt, func(t *testing.T) {
			at(t, "SW1#", func(f *fake) map[string]func() {
				return map[string]func(){"show x": func() { f.print("one\n"); f.prompt = test.prompt }}
			}, func(t *testing.T, l *Line) {
				for range 2 {
					if got := run(t, l, "show x", nil); got != "one\n\n" {
						t.Errorf("output %q", got)
					}
				}
				if l.Hostname() != test.name {
					t.Errorf("hostname %q", l.Hostname())
				}
			})
		})
	}
}

// TestRunCharacters plays a device that prints one character at a time, with
// gaps shorter than sureQuiet. No part of the output may end the command.
func TestRunCharacters(t *testing.T) {
	at(t, "SW1#", func(f *fake) map[string]func() {
		f.piece, f.gap = 1, sureQuiet*9/10
		return map[string]func(){"show x": func() { f.print("SW1#one\nis it [yes/no]: two\n") }}
	}, func(t *testing.T, l *Line) {
		for range 2 {
			if got := run(t, l, "show x", nil); got != "SW1#one\nis it [yes/no]: two\n\n" {
				t.Errorf("output %q", got)
			}
		}
	})
}

// TestRunCancelWhileWriting tests a device that accepts no more keys. The end
// of the context also ends the write.
func TestRunCancelWhileWriting(t *testing.T) {
	bubble(t, 1, func(f *fake) {
		f.login()
		f.shell("SW1#", map[string]func(){"copy": func() {
			f.print("Name []? ")
			<-time.After(time.Hour)
		}})
	}, func(t *testing.T, f *fake, cfg Config) {
		ours, _ := cfg.Dialer(t.Context(), "", "")
		conn := &stuck{Conn: ours, closed: make(chan struct{})}
		cfg.Dialer = func(context.Context, string, string) (net.Conn, error) { return conn, nil }
		l := dial(t, cfg)
		conn.full.Store(true)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		start := time.Now()
		_, err := l.RunLong(ctx, "copy", 0, nil)
		if cause.Of(err) != cause.Cancelled || time.Since(start) > 12*time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

// stuck is a connection that accepts no data once it is full.
type stuck struct {
	net.Conn
	full   atomic.Bool
	once   sync.Once
	closed chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	if !s.full.Load() {
		return s.Conn.Write(p)
	}
	<-s.closed
	return 0, net.ErrClosed
}

func (s *stuck) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

func TestRunIdle(t *testing.T) {
	at(t, "SW1#", func(f *fake) map[string]func() {
		return map[string]func(){"verify x": func() {
			f.print("...s3cret-pass\x1b[31m...")
			time.Sleep(5 * time.Minute)
			f.print("Done!\n")
		}}
	}, func(t *testing.T, l *Line) {
		out, err := l.RunLong(t.Context(), "verify x", 0, nil)
		if err != nil || !strings.Contains(out, "Done!\n") {
			t.Fatalf("without a limit: %q, %v", out, err)
		}
		start := time.Now()
		_, err = l.Run(t.Context(), "verify x", nil)
		if cause.Of(err) != cause.SessionLost || !strings.Contains(err.Error(), `...***..."`) || !strings.Contains(err.Error(), "stopped answering") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// TestRunWatched tests a device that shows progress: the output for watch, and
// the limits on silence that watch returns.
func TestRunWatched(t *testing.T) {
	at(t, "SW1#", func(f *fake) map[string]func() {
		return map[string]func(){"verify x": func() {
			for range 30 {
				f.print(".")
				time.Sleep(20 * time.Second)
			}
			f.print("Done!\n")
		}}
	}, func(t *testing.T, l *Line) {
		dots := 0
		patience := func(limit time.Duration) Watch {
			return func(p []byte) time.Duration {
				dots += strings.Count(string(p), ".")
				return limit
			}
		}
		if out, err := l.RunWatched(t.Context(), "verify x", patience(21*time.Second), nil); err != nil || dots != 30 {
			t.Fatalf("%d dots, %q, %v", dots, out, err)
		}
		_, err := l.RunWatched(t.Context(), "verify x", patience(19*time.Second), nil)
		if cause.Of(err) != cause.SessionLost || !strings.Contains(err.Error(), "stopped answering") {
			t.Errorf("error %v", err)
		}
	})
}

func TestRunSessionDies(t *testing.T) {
	at(t, "SW1#", func(f *fake) map[string]func() {
		return map[string]func(){"show x": func() { f.print("one\n\x07two"); f.conn.Close() }}
	}, func(t *testing.T, l *Line) {
		_, err := l.Run(t.Context(), "show x", nil)
		if cause.Of(err) != cause.SessionLost || !strings.Contains(err.Error(), `one\ntwo`) || cause.Hint(err) != "try again: `flashwarden device test sw1`" {
			t.Errorf("error %v, hint %q", err, cause.Hint(err))
		}
		if _, err := l.Run(t.Context(), "show x", nil); cause.Of(err) != cause.SessionLost {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestRunCancel ends the context during a copy. The device receives the break,
// and the caller the cause of the context.
func TestRunCancel(t *testing.T) {
	stalled := cause.New(cause.Stalled, "no block for 60 s", nil)
	at(t, "SW1#", func(f *fake) map[string]func() {
		return map[string]func(){"copy": func() {
			f.print("!!!!")
			if a, b := f.key(), f.key(); a != 0x1e || b != 0x03 {
				t.Errorf("the device got %q %q", a, b)
			}
			for range f.in {
			}
		}}
	}, func(t *testing.T, l *Line) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, stalled)
		defer cancel()
		start := time.Now()
		_, err := l.RunLong(ctx, "copy", 0, nil)
		if !errors.Is(err, stalled) || cause.Of(err) != cause.Stalled {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start) - time.Hour; took < 0 || took > leaveTime {
			t.Errorf("took an hour and %s", took)
		}
		if _, err := l.Run(t.Context(), "show x", nil); cause.Of(err) != cause.SessionLost {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestRunEndless(t *testing.T) {
	bubble(t, 1, func(f *fake) {
		f.login()
		f.piece = 1 << 16
		f.shell("SW1#", map[string]func(){"show x": func() {
			for range 40 {
				f.raw(strings.Repeat("x", 1<<16))
			}
		}})
	}, func(t *testing.T, f *fake, cfg Config) {
		l := dial(t, cfg)
		l.most = 2 << 20
		if _, err := l.Run(t.Context(), "show x", nil); cause.Of(err) != cause.SessionLost || !errors.Is(err, errSize) {
			t.Errorf("error %v", err)
		}
	})
}

func ExampleLine_Run() {
	ctx := context.Background()
	line, err := Dial(ctx, Config{Address: "192.0.2.1", Username: "backup", Password: "…", HostKeys: &HostKeys{Store: &memoryKeys{}}})
	if err != nil {
		fmt.Println(err, cause.Hint(err))
		return
	}
	defer line.Close()
	out, err := line.Run(ctx, "show version", nil)
	fmt.Println(out, err)
}
