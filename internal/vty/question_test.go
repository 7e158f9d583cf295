package vty

import (
	"errors"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

func TestRunQuestions(t *testing.T) {
	tests := []struct {
		name, question, asked, answer, typed string
	}{
		{"host", "Address or name of remote host []? ", "Address or name of remote host []?", "192.0.2.9", "192.0.2.9\r"},
		{"default", "Destination filename [x.bin]? ", "Destination filename [x.bin]?", "", "\r"},
		{"confirm takes one key", "Write file x on host y?[confirm]", "Write file x on host y?[confirm]", "y", "y"},
		{"confirm by Return", "Proceed? [confirm]", "Proceed? [confirm]", "", "\r"},
		{"yes or no", "Save? [yes/no]: ", "Save? [yes/no]:", "no", "no\r"},
		{"two lines", "\nVerifying checksum for 'x' (file # 1)... OK\nCopy 'x' from Flash to server\n  as 'x'? [yes/no]",
			"Verifying checksum for 'x' (file # 1)... OK\nCopy 'x' from Flash to server\nas 'x'? [yes/no]", "yes", "yes\r"},
		{"no known ending", "Name of file to copy? ", "Name of file to copy?", "x", "x\r"},
		{"a colon", "Password: ", "Password:", "x", "x\r"},
		{"behind a message", "Destination filename [x]? \n%SYS-5-CONFIG_I: Configured by console\n",
			"Destination filename [x]?", "x", "x\r"},
		{"messages within", "\nCopy 'x' from Flash to server\n%SYS-5-X: y\nDec  7 20:43:11.712: Released port 51337\n%SYS-5-X: y\n  as 'x'? [yes/no]",
			"Copy 'x' from Flash to server\nas 'x'? [yes/no]", "yes", "yes\r"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			at(t, "SW1#", func(f *fake) map[string]func() {
				return map[string]func(){"copy": func() {
					f.print(test.question)
					typed := string(f.key())
					for len(typed) < len(test.typed) {
						typed += string(f.key())
					}
					if typed != test.typed {
						t.Errorf("typed %q, want %q", typed, test.typed)
					}
					f.print(strings.Trim(typed, "\r") + "\n!!!")
					time.Sleep(20 * time.Second)
					f.print("!\n18 bytes copied in 1.1 secs\n")
				}}
			}, func(t *testing.T, l *Line) {
				asked := ""
				got := run(t, l, "copy", func(q string) (string, error) {
					if asked != "" {
						t.Errorf("asked again: %q", q)
					}
					asked = q
					return test.answer, nil
				})
				if asked != test.asked {
					t.Errorf("asked %q, want %q", asked, test.asked)
				}
				if !strings.HasSuffix(got, "!!!!\n18 bytes copied in 1.1 secs\n\n") {
					t.Errorf("output %q", got)
				}
			})
		})
	}
}

// TestRunPassword answers a question for a password at once, and knows that it has no echo. A public
// session asks twice.
func TestRunPassword(t *testing.T) {
	for name, questions := range map[string][]string{
		"own line":     {"Writing x.bin \nPassword: ", "\nPassword: "},
		"same line":    {"Writing x.bin Password:"},
		"with message": {"Writing x.bin \nPassword: \n%SYS-5-CONFIG_I: Configured by console\n"},
	} {
		t.Run(name, func(t *testing.T) {
			at(t, "SW1#", func(f *fake) map[string]func() {
				return map[string]func(){"copy": func() {
					for _, q := range questions {
						f.print(q)
						if typed := f.secret(); typed != "0nce" {
							t.Errorf("typed %q", typed)
						}
					}
					f.print(" Sink: C0644 18 x.bin\n!\n18 bytes copied in 1.1 secs\n")
				}}
			}, func(t *testing.T, l *Line) {
				began, asked := time.Now(), 0
				got := run(t, l, "copy", func(string) (string, error) {
					asked++
					return "0nce", nil
				})
				if asked != len(questions) || !strings.Contains(got, "18 bytes copied") || strings.Contains(got, "0nce") {
					t.Errorf("asked %d times, output %q", asked, got)
				}
				if took := time.Since(began); took > 2*time.Second && name != "with message" {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// TestRunSlowToAnswer tests a device that reacts to an answer only after a long
// time. It would take a second answer for its next question.
func TestRunSlowToAnswer(t *testing.T) {
	const message = "\r\n*Mar  1 00:21:16.251: %SYS-5-CONFIG_I: Configured by console\r\n"
	for _, meanwhile := range []string{"", message, message + message + "\r\nDec  7 20:43:11.712: Released port 51337\r\n"} {
		at(t, "SW1#", func(f *fake) map[string]func() {
			return map[string]func(){"copy": func() {
				f.echo = func(line string) string {
					f.raw(meanwhile)
					time.Sleep(20 * time.Second)
					return line + "\r\n"
				}
				for _, q := range []struct{ question, want string }{
					{"Address or name of remote host []? ", "192.0.2.9"}, {"Destination filename []? ", "name"}, {"Destination filename []? ", "name"},
				} {
					f.print(q.question)
					if got := f.line(); got != q.want {
						t.Errorf("to %q it typed %q", q.question, got)
					}
				}
				f.print("Write it?[confirm]")
				if f.key() != 'y' {
					t.Error("no y")
				}
				f.raw(meanwhile)
				time.Sleep(20 * time.Second)
				f.print("\nErase it?[confirm]")
				f.key()
				time.Sleep(20 * time.Second)
				f.print("Still sure?[confirm]") // no new line
				f.key()
				f.echo = nil
				f.print("\n10 bytes copied\n")
			}}
		}, func(t *testing.T, l *Line) {
			answers := map[string]string{
				"Address or name of remote host []?": "192.0.2.9", "Destination filename []?": "name",
				"Write it?[confirm]": "y", "Erase it?[confirm]": "n",
			}
			got := run(t, l, "copy", func(q string) (string, error) {
				if strings.HasSuffix(q, "Still sure?[confirm]") {
					return "n", nil
				}
				answer, ok := answers[q[strings.LastIndexByte(q, '\n')+1:]]
				if !ok {
					t.Errorf("asked %q", q)
				}
				return answer, nil
			})
			if !strings.HasSuffix(got, "\n10 bytes copied\n\n") {
				t.Errorf("output %q", got)
			}
			run(t, l, "show x", nil)
		})
	}
}

// TestRunQuestionInTwo tests a question whose default comes late. It has its
// answer by then, and must not get another one.
func TestRunQuestionInTwo(t *testing.T) {
	at(t, "SW1#", func(f *fake) map[string]func() {
		return map[string]func(){"copy": func() {
			f.print("Which partition?")
			time.Sleep(time.Second)
			f.print(" [default = 2] ")
			time.Sleep(5 * time.Second)
			f.line()
			f.print("Destination filename []? ")
			if got := f.line(); got != "name" {
				t.Errorf("typed %q", got)
			}
		}}
	}, func(t *testing.T, l *Line) {
		run(t, l, "copy", func(q string) (string, error) {
			if strings.HasPrefix(q, "Which partition") {
				return "", nil
			}
			return "name", nil
		})
	})
}

// TestRunEndlessQuestions tests a device that never stops asking.
func TestRunEndlessQuestions(t *testing.T) {
	at(t, "SW1#", func(f *fake) map[string]func() {
		return map[string]func(){"copy": func() {
			for f.print("Name []? "); f.line() != "^C"; f.print("% Please try again\nName []? ") {
			}
			f.print("\n")
		}}
	}, func(t *testing.T, l *Line) {
		_, err := l.Run(t.Context(), "copy", func(string) (string, error) { return "x", nil })
		if cause.Of(err) != cause.PromptUnrecognised || !strings.Contains(err.Error(), "more than 32 questions") || !strings.Contains(err.Error(), "Name []?") {
			t.Errorf("error %v", err)
		}
		run(t, l, "show x", nil)
	})
}

// TestRunStop declines a question: answer, break, and the line works again.
func TestRunStop(t *testing.T) {
	stop := cause.New(cause.UnsafePrompt, "no", nil)
	tests := []struct{ question, answer, typed string }{
		{"Erase flash: before copying? [confirm]", "n", "n\x1e\x03"},
		{"Copy 'x' from server\n as 'x' into Flash WITH erase? [yes/no]", "no", "no\r\x1e\x03"},
		{"What else?? [confirm]", "", "\x1e\x03"},
	}
	for _, test := range tests {
		at(t, "SW1#", func(f *fake) map[string]func() {
			return map[string]func(){
				"copy": func() {
					f.print(test.question)
					var typed string
					for !strings.HasSuffix(typed, "\x03") {
						typed += string(f.key())
					}
					if typed != test.typed {
						t.Errorf("typed %q, want %q", typed, test.typed)
					}
					f.print("\n")
				},
				"show x": func() { f.print("one\n") },
			}
		}, func(t *testing.T, l *Line) {
			_, err := l.Run(t.Context(), "copy", func(string) (string, error) { return test.answer, stop })
			if err != stop {
				t.Fatalf("error %v", err)
			}
			if got := run(t, l, "show x", nil); got != "one\n\n" {
				t.Errorf("output afterwards %q", got)
			}
		})
	}
}

// TestRunAbort tests a device that asks before it stops a command.
func TestRunAbort(t *testing.T) {
	at(t, "SW1#", func(f *fake) map[string]func() {
		return map[string]func(){"copy": func() {
			f.print("Destination username [admin]? ")
			for f.key() != 0x03 {
			}
			f.print("\nAbort Copy? [confirm]")
			if key := f.key(); key != 'y' {
				t.Errorf("to Abort Copy? it typed %q", key)
			}
			f.print("\n%Error: copy aborted\n")
		}}
	}, func(t *testing.T, l *Line) {
		stop := cause.New(cause.PromptUnrecognised, "no", nil)
		if _, err := l.Run(t.Context(), "copy", func(string) (string, error) { return "", stop }); err != stop {
			t.Fatalf("error %v", err)
		}
		if got := run(t, l, "terminal length 0", nil); got != "\n" {
			t.Errorf("output afterwards %q", got)
		}
	})
}

// TestRunStopForGood tests a device without a prompt after a break. Nothing
// more may be typed.
func TestRunStopForGood(t *testing.T) {
	at(t, "SW1#", func(f *fake) map[string]func() {
		return map[string]func(){"copy": func() {
			f.print("Erase flash: before copying? [confirm]")
			for range f.in {
				f.print("Continue? [confirm]")
			}
		}}
	}, func(t *testing.T, l *Line) {
		stop := errors.New("unsafe")
		_, err := l.Run(t.Context(), "copy", func(string) (string, error) { return "n", stop })
		if err != stop {
			t.Fatalf("error %v", err)
		}
		if _, err := l.Run(t.Context(), "show x", nil); cause.Of(err) != cause.SessionLost {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestRunUnasked tests a question at a command that normally asks none.
func TestRunUnasked(t *testing.T) {
	at(t, "SW1#", func(f *fake) map[string]func() {
		return map[string]func(){"dir": func() { f.print("Format s3cret-pass? [confirm]"); f.line() }}
	}, func(t *testing.T, l *Line) {
		_, err := l.Run(t.Context(), "dir", nil)
		if cause.Of(err) != cause.PromptUnrecognised || !strings.Contains(err.Error(), "Format *** ? [confirm]") && !strings.Contains(err.Error(), "Format ***? [confirm]") {
			t.Fatalf("error %v", err)
		}
		run(t, l, "show x", nil)
	})
}

// TestRunPasswordInQuestion uses a password that is also part of the device's
// words. The question must arrive complete, and an error that quotes it must
// not show the password.
func TestRunPasswordInQuestion(t *testing.T) {
	seeds(t, func(t *testing.T, seed uint64) {
		bubble(t, seed, func(f *fake) {
			f.login()
			f.shell("SW1#", map[string]func(){"copy": func() { f.print("Destination filename []? "); f.line() }})
		}, func(t *testing.T, f *fake, cfg Config) {
			cfg.EnablePassword = "en"
			l := dial(t, cfg)
			defer l.Close()
			_, err := l.Run(t.Context(), "copy", func(q string) (string, error) {
				if q != "Destination filename []?" {
					t.Errorf("asked %q", q)
				}
				return "", cause.New(cause.UnsafePrompt, q, api.Say(q))
			})
			if cause.Of(err) != cause.UnsafePrompt || err.Error() != "Destination fil***ame []?" || cause.Hint(err) != err.Error() {
				t.Errorf("error %v, hint %q", err, cause.Hint(err))
			}
		})
	})
}

func TestRunRefusesToType(t *testing.T) {
	at(t, "SW1#", func(*fake) map[string]func() { return nil }, func(t *testing.T, l *Line) {
		for _, command := range []string{"dir x\ry", "dir ?", "dir \x03", "dir \xff", "dir é"} {
			if _, err := l.Run(t.Context(), command, nil); cause.Of(err) != cause.CommandRejected {
				t.Errorf("%q: %v", command, err)
			}
		}
	})
}

func TestRunAnswerRefusedToType(t *testing.T) {
	at(t, "SW1#", func(f *fake) map[string]func() {
		return map[string]func(){"copy": func() { f.print("Name []? "); f.line() }}
	}, func(t *testing.T, l *Line) {
		_, err := l.Run(t.Context(), "copy", func(string) (string, error) { return "x\rerase flash:", nil })
		if cause.Of(err) != cause.CommandRejected {
			t.Errorf("error %v", err)
		}
	})
}
