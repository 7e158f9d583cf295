package vty

import (
	"testing"
)

func TestRunShow(t *testing.T) {
	const version = "Cisco IOS Software, C3750 Software\n\nsw1 uptime is 1 day: really?\nConfiguration register is 0xF\n"
	seeds(t, func(t *testing.T, seed uint64) {
		bubble(t, seed, func(f *fake) {
			f.login()
			f.shell("SW1#", map[string]func(){"show version": func() { f.print(version) }})
		}, func(t *testing.T, cfg Config) {
			l := dial(t, cfg)
			defer l.Close()
			for range 3 {
				got, err := l.Run(t.Context(), "show version", nil)
				if err != nil {
					t.Fatal(err)
				}
				if got != version+"\n" {
					t.Errorf("output %q", got)
				}
			}
			if l.Hostname() != "SW1" {
				t.Errorf("hostname %q", l.Hostname())
			}
		})
	})
}
