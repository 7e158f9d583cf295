package vty

import (
	"context"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/cause"
)

const banner = `
*****************************************************************
# WARNING: authorised users only! Your Password: and Username: #
% Authentication failed is what intruders see > always #
Call 5-1234, is that clear? [yes/no]:
*****************************************************************
`

// TestLogin tests ways to the prompt. typed is the whole typing before the
// terminal settings.
func TestLogin(t *testing.T) {
	tests := []struct {
		name  string
		cfg   func(*Config)
		plays func(f *fake)
		typed string
	}{
		{"user and password", nil, func(f *fake) { f.login() }, "admin\rs3cret-pass\r\r"},
		{"banner before", nil, func(f *fake) { f.print(banner); f.login() }, "admin\rs3cret-pass\r\r"},
		{"banner with a pause after a colon", nil, func(f *fake) {
			f.print("\nContact for this device:")
			time.Sleep(6 * time.Second)
			f.print(" the operators\n")
			f.login()
		}, "admin\rs3cret-pass\r\r"},
		{"banner after", nil, func(f *fake) { f.login(); f.print(banner) }, "admin\rs3cret-pass\r\r"},
		{"password alone", func(c *Config) { c.Username = "" }, func(f *fake) {
			f.print("\n\nUser Access Verification\n\nPassword: ")
			f.secret()
		}, "s3cret-pass\r\r"},
		{"password alone, user known", nil, func(f *fake) { f.print("Password: "); f.secret() }, "s3cret-pass\r\r"},
		{"host name before login", nil, func(f *fake) {
			f.print("sw1 login: ")
			f.line()
			f.print("admin's password: ")
			f.secret()
		}, "admin\rs3cret-pass\r\r"},
		{"nothing asked", nil, func(f *fake) {}, "\r"},
		{"press return", nil, func(f *fake) {
			f.print("\n\nsw1 con0 is now available\n\n\nPress RETURN to get started.\n\n")
			f.line()
		}, "\r\r"},
		{"setup", nil, func(f *fake) {
			f.print("\nWould you like to enter the initial configuration dialog? [yes/no]: ")
			f.line()
			f.print("\nWould you like to terminate autoinstall? [yes]: ")
			f.line()
			f.print("\nPress RETURN to get started!")
			f.line()
		}, "no\rno\r\r\r"},
		{"telnet options in between", nil, func(f *fake) {
			f.raw("\xff\xfb\x01\xff\xfb\x03\xff\xfd\x18\xff\xfd\x1f\r\nUser Access Verification\r\n\r\nUse\xff\xfa\x18\x01\xff\xf0rname: ")
			f.options = true
			f.line()
			f.raw("\xff\xf1Password\xff\xf1: ")
			f.secret()
		}, "admin\rs3cret-pass\r\r"},
		{"slow check of the password", nil, func(f *fake) { f.login(); time.Sleep(40 * time.Second) }, "admin\rs3cret-pass\r\r"},
		{"slow banner that stops at odd places", nil, func(f *fake) {
			for _, part := range []string{"abc#", " and more #\n#####", "#\n# Your Password:", " is not ours #\n"} {
				f.print(part)
				time.Sleep(promptQuiet + time.Millisecond)
			}
			f.login()
		}, "\radmin\rs3cret-pass\r\r"},
		{"slow to ask for the password", nil, func(f *fake) {
			f.print("Username: ")
			f.line()
			time.Sleep(30 * time.Second)
			f.print("Password: ")
			f.secret()
		}, "admin\rs3cret-pass\r\r"},
		{"banner that stops at a prompt's word", nil, func(f *fake) {
			f.print("#\n# Enter your Password:")
			time.Sleep(promptQuiet + time.Second)
			f.print(" never show it #\n")
			f.login()
		}, "admin\rs3cret-pass\r\r"},
		{"banner that stops at a refusal", nil, func(f *fake) {
			f.login()
			f.print("# Authentication failed\n% Authentication failed is what others see\n")
			time.Sleep(time.Second)
		}, "admin\rs3cret-pass\r\r"},
		{"parentheses in the questions", nil, func(f *fake) {
			f.print("\nUsername(HAD): ")
			f.line()
			f.print("Password(HAD): ")
			f.secret()
		}, "admin\rs3cret-pass\r\r"},
		{"a passcode in place of the password", nil, func(f *fake) {
			f.print("\nUsername: ")
			f.line()
			f.print("Enter PASSCODE: ")
			f.secret()
		}, "admin\rs3cret-pass\r\r"},
		{"management setup", nil, func(f *fake) {
			f.print("\nWould you like to enter basic management setup? [yes/no]: ")
			f.line()
			f.print("\n\nPress RETURN to get started!\n\n\n*Mar  1 00:00:58.123: %SYS-5-RESTART: System restarted --\nCisco IOS Software\n")
			f.line()
		}, "no\r\r\r"},
		{"messages in between", nil, func(f *fake) {
			f.print("\nUsername: \n*Mar  1 00:01:39.123: %LINK-3-UPDOWN: Interface Vlan1, changed state to up\n")
			f.line()
			f.print("Password: \nAutoinstall trying DHCPv4 on Vlan1\n%Error opening tftp://255.255.255.255/network-confg (Timed out)\n")
			f.secret()
			f.print("\nSW1#\nDec  7 20:43:11.712: Released port 51337\n")
			f.line()
		}, "admin\rs3cret-pass\r\r"},
		{"a banner that takes minutes", nil, func(f *fake) {
			for range 100 {
				f.print("# Authorised users only! Your Password: is yours > keep it #\n")
				time.Sleep(2 * time.Second)
			}
			f.login()
		}, "admin\rs3cret-pass\r\r"},
		{"silent at first", nil, func(f *fake) { f.line(); f.login() }, "\radmin\rs3cret-pass\r\r"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			seeds(t, func(t *testing.T, seed uint64) {
				bubble(t, seed, func(f *fake) {
					test.plays(f)
					f.shell("SW1#", map[string]func(){"show x": func() { f.print("one\n") }})
				}, func(t *testing.T, f *fake, cfg Config) {
					if test.cfg != nil {
						test.cfg(&cfg)
					}
					l := dial(t, cfg)
					defer l.Close()
					if got := run(t, l, "show x", nil); got != "one\n\n" {
						t.Errorf("output %q", got)
					}
					if want := test.typed + "terminal length 0\rterminal width 511\rshow x\r"; f.got() != want {
						t.Errorf("typed %q, want %q", f.got(), want)
					}
				})
			})
		})
	}
}

// TestLoginCharacters tests a device that prints one character at a time.
func TestLoginCharacters(t *testing.T) {
	bubble(t, 1, func(f *fake) {
		f.piece, f.gap = 1, 30*time.Millisecond
		f.print(banner)
		f.login()
		f.shell("SW1>", map[string]func(){"enable": func() { f.print("Password: "); f.secret(); f.prompt = "SW1#" }})
	}, func(t *testing.T, f *fake, cfg Config) {
		l := dial(t, cfg)
		defer l.Close()
		if want := "admin\rs3cret-pass\r\renable\ren4ble-pass\rterminal length 0\rterminal width 511\r"; f.got() != want {
			t.Errorf("typed %q", f.got())
		}
	})
}

func TestEnable(t *testing.T) {
	ask := func(f *fake) { f.print("Password: "); f.secret() }
	tests := []struct {
		name   string
		cfg    func(*Config)
		enable func(f *fake)
		cause  cause.Cause
		says   string
		tries  int // how often the password may be sent
	}{
		{"with a password", nil, func(f *fake) { ask(f); f.prompt = "SW1#" }, "", "", 1},
		{"without one", nil, func(f *fake) { f.prompt = "SW1#" }, "", "", 0},
		{"slow", nil, func(f *fake) { time.Sleep(20 * time.Second); ask(f); time.Sleep(20 * time.Second); f.prompt = "SW1#" }, "", "", 1},
		{"wrong, asked again", nil, func(f *fake) { ask(f); ask(f); ask(f); f.print("% Bad secrets\n") }, cause.EnableFailed, "Password:", 1},
		{"denied", nil, func(f *fake) { ask(f); f.print("% Access denied\n") }, cause.EnableFailed, "Access denied", 1},
		{"AAA error", nil, func(f *fake) { ask(f); f.print("% Error in authentication.\n") }, cause.EnableFailed, "Error in authentication", 1},
		{"the same prompt", nil, func(f *fake) { ask(f) }, cause.EnableFailed, "SW1>", 1},
		{"closes", nil, func(f *fake) { ask(f); f.conn.Close() }, cause.EnableFailed, "", 1},
		{"none set", nil, func(f *fake) { f.print("% No password set\n") }, cause.EnableFailed, "No password set", 0},
		{"none stored", func(c *Config) { c.EnablePassword = "" }, ask, cause.EnableFailed, "none is stored", 0},
		{"first use", nil, func(f *fake) { f.print("Enter enable secret: "); f.line() }, cause.EnableFailed, "enable secret", 0},
		{"dies", nil, func(f *fake) { f.conn.Close() }, cause.SessionLost, "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			seeds(t, func(t *testing.T, seed uint64) {
				bubble(t, seed, func(f *fake) {
					f.login()
					f.shell("SW1>", map[string]func(){"enable": func() { test.enable(f) }})
				}, func(t *testing.T, f *fake, cfg Config) {
					if test.cfg != nil {
						test.cfg(&cfg)
					}
					l, err := Dial(t.Context(), cfg)
					if err == nil {
						defer l.Close()
					}
					if cause.Of(err) != test.cause || err != nil && !strings.Contains(err.Error(), test.says) {
						t.Errorf("error %v", err)
					}
					if test.cause == cause.EnableFailed && cause.Hint(err) != "`flashwarden device edit sw1 --enable-password-file FILE`" {
						t.Errorf("hint %q", cause.Hint(err))
					}
					safe(t, err, cfg)
					if n := strings.Count(f.got(), "en4ble-pass"); n != test.tries {
						t.Errorf("sent the enable password %d times, want %d", n, test.tries)
					}
				})
			})
		})
	}
}

// TestLoginFails tests logins without a prompt. A password is sent at most
// once.
func TestLoginFails(t *testing.T) {
	wrong := func(f *fake, says string) {
		f.login()
		for range 2 {
			f.print(says)
			f.login()
		}
		f.conn.Close()
	}
	tests := []struct {
		name  string
		plays func(f *fake)
		cause cause.Cause
		says  string
		sent  int
	}{
		{"login invalid", func(f *fake) { wrong(f, "\n% Login invalid\n\n") }, cause.AuthFailed, `refused user "admin": "% Login invalid"`, 1},
		{"authentication failed", func(f *fake) { wrong(f, "\n% Authentication failed\n\n") }, cause.AuthFailed, "% Authentication failed", 1},
		{"asked again", func(f *fake) { wrong(f, "\n") }, cause.AuthFailed, "refused user", 1},
		{"bad passwords", func(f *fake) {
			f.print("Password: ")
			f.secret()
			f.print("Password: ")
			f.secret()
			f.print("% Bad passwords\n")
		}, cause.AuthFailed, "refused", 1},
		{"closes after the password", func(f *fake) { f.login(); f.conn.Close() }, cause.AuthFailed, "refused", 1},
		{"a command in place of a prompt", func(f *fake) {
			f.login()
			f.print("\nInterface  IP-Address  OK? Method Status  Protocol\nVlan1      192.0.2.1   YES NVRAM  up      up\n")
			f.conn.Close()
		}, cause.PromptUnrecognised, "hung up after the login without a prompt", 1},
		{"closes after a message", func(f *fake) { f.login(); f.print("\n*Mar  1 00:01:39.123: %SYS-5-X: y\n"); f.conn.Close() }, cause.AuthFailed, "refused", 1},
		{"echoes the password", func(f *fake) {
			f.print("Username: ")
			f.line()
			f.print("Password: ")
			f.line()
			f.print("your s3cret-pass is wrong\n% Login invalid\n\nUsername: ")
			f.line()
		}, cause.AuthFailed, "% Login invalid", 1},
		{"echoes the password and hangs", func(f *fake) {
			f.print("Username: ")
			f.line()
			f.print("Password: ")
			f.line()
			f.print("you typed s3cret-pass")
			<-time.After(time.Hour)
		}, cause.PromptUnrecognised, "you typed ***", 1},
		{"none set", func(f *fake) { f.print("\n\nPassword required, but none set\n"); f.conn.Close() }, cause.AuthFailed, "none is set", 0},
		{"closes at once", func(f *fake) { f.conn.Close() }, cause.SessionLost, "lost during login", 0},
		{"closes with a word", func(f *fake) { f.print("\n\x1b[31m% All lines are busy\x07\n"); f.conn.Close() }, cause.SessionLost, "All lines are busy", 0},
		{"silent", func(f *fake) { <-time.After(time.Hour) }, cause.ConnectTimeout, "sent nothing for 25s", 0},
		{"silent after a Telnet option", func(f *fake) { f.raw("\xff\xfb\x01"); <-time.After(time.Hour) }, cause.SessionLost, "stopped answering", 0},
		{"silent after the password", func(f *fake) { f.login(); <-time.After(time.Hour) }, cause.SessionLost, "stopped answering", 1},
		{"ROM monitor", func(f *fake) {
			for {
				f.print("rommon 1 > ")
				if f.line() == "EOF" {
					return
				}
			}
		}, cause.PromptUnrecognised, "boot loader", 0},
		{"boot loader of a switch", func(f *fake) { f.print("switch: "); f.line() }, cause.PromptUnrecognised, "boot loader", 0},
		{"a menu", func(f *fake) {
			for {
				f.print("1 this\n2 that\nYour choice? ")
				if f.line() == "EOF" {
					return
				}
			}
		}, cause.PromptUnrecognised, "Your choice?", 0},
		{"never the same prompt", func(f *fake) {
			for i := 0; ; i++ {
				f.print("\nsw" + strings.Repeat("x", i%50) + "#")
				if f.line() == "EOF" {
					return
				}
			}
		}, cause.PromptUnrecognised, "after 40 answers", 0},
		{"dripping", func(f *fake) {
			for range 10000 {
				f.print("sixteen letters.")
				time.Sleep(100 * time.Millisecond)
			}
		}, cause.PromptUnrecognised, "in 65536 bytes", 0},
		{"dripping without getting on", func(f *fake) {
			for range 100000 {
				f.print("x")
				time.Sleep(time.Second)
			}
		}, cause.PromptUnrecognised, "within 2m0s", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			seeds(t, func(t *testing.T, seed uint64) {
				bubble(t, seed, test.plays, func(t *testing.T, f *fake, cfg Config) {
					l, err := Dial(t.Context(), cfg)
					if err == nil {
						l.Close()
					}
					if cause.Of(err) != test.cause || !strings.Contains(err.Error(), test.says) {
						t.Errorf("error %v (%s)", err, cause.Of(err))
					}
					safe(t, err, cfg)
					if n := strings.Count(f.got(), "s3cret-pass"); n != test.sent {
						t.Errorf("sent the password %d times, want %d", n, test.sent)
					}
				})
			})
		})
	}
}

// TestLoginInterrupted ends the connection after the device has shown its prompt, as a
// device does that is switched off: no account and no password is wrong.
func TestLoginInterrupted(t *testing.T) {
	tests := map[string]func(f *fake){
		"with the prompt":        func(f *fake) { f.print("\nSW1>") },
		"after a banner":         func(f *fake) { f.print("\nAuthorised users only\nSW1#") },
		"behind a message":       func(f *fake) { f.print("\nSW1#\n*Mar  1 00:01:39.123: %SYS-5-RELOAD: Reload requested\n") },
		"before the next prompt": func(f *fake) { f.print("\nSW1>"); f.line() },
		"with enable": func(f *fake) {
			f.print("\nSW1>")
			for f.line() != "enable" {
				f.print("SW1>")
			}
			f.print("Password: ")
		},
	}
	for name, plays := range tests {
		for _, transport := range []string{Telnet, SSH} {
			t.Run(name+" over "+transport, func(t *testing.T) {
				bubble(t, 1, func(f *fake) {
					if transport == Telnet {
						f.login()
					}
					plays(f)
					f.conn.Close()
				}, func(t *testing.T, f *fake, cfg Config) {
					conn, err := cfg.Dialer(t.Context(), "tcp", "")
					if err != nil {
						t.Fatal(err)
					}
					cfg.Transport = transport
					l := newLine(cfg.withDefaults(), conn, conn)
					defer l.Close()
					if err := l.start(t.Context()); cause.Of(err) != cause.SessionLost || !strings.Contains(err.Error(), "was lost during login") {
						t.Errorf("error %v (%s)", err, cause.Of(err))
					}
				})
			})
		}
	}
}

// safe fails when an error shows a secret or a raw control character.
func safe(t *testing.T, err error, cfg Config) {
	t.Helper()
	if err == nil {
		return
	}
	for _, text := range []string{err.Error(), cause.Hint(err)} {
		if strings.Contains(text, cfg.Password) || cfg.EnablePassword != "" && strings.Contains(text, cfg.EnablePassword) {
			t.Errorf("shows a password: %s", text)
		}
		lines := strings.NewReplacer("\n1. ", "", "\n2. ", "", "\n3. ", "", "\n4. ", "").Replace(text) // the steps are ours
		if strings.ContainsFunc(lines, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
			t.Errorf("control characters: %q", text)
		}
	}
}

func TestDialCancelled(t *testing.T) {
	bubble(t, 1, func(f *fake) { f.print("Username: "); f.line(); f.line() }, func(t *testing.T, f *fake, cfg Config) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		start := time.Now()
		_, err := Dial(ctx, cfg)
		if cause.Of(err) != cause.Cancelled || time.Since(start) != 10*time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

// FuzzDial tests a device that prints anything and hangs up. The error has a
// cause, nothing panics, and a password is sent at most once.
func FuzzDial(f *testing.F) {
	for _, text := range []string{
		banner, "\r\nUsername: ", "Password: ", "SW1>", "rommon 1 >", "\xff\xfd\x18\xff\xfa\x18\x01\xff\xf0\x1b[31m--More--",
		"a#\r\na#", "Press RETURN to get started", "% Bad passwords\r\n",
	} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		bubble(t, 1, func(f *fake) {
			f.raw(first)
			f.line()
			f.raw(second)
			f.line()
			f.raw(first)
		}, func(t *testing.T, f *fake, cfg Config) {
			l, err := Dial(t.Context(), cfg)
			if err == nil { // this device shows a prompt after everything
				l.Close()
				return
			}
			if cause.Of(err) == cause.Internal {
				t.Errorf("no cause: %v", err)
			}
			safe(t, err, cfg)
			if n := strings.Count(f.got(), "s3cret-pass"); n > 1 {
				t.Errorf("sent the password %d times", n)
			}
		})
	})
}
