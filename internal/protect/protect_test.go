package protect_test

import (
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/protect"
)

const day = 24 * time.Hour

var (
	now   = time.Date(2026, 11, 28, 7, 30, 0, 0, time.UTC)
	rules = protect.Rules{Within: 8 * day, ProvedWithin: 35 * day, Mirrors: []protect.Mirror{{Name: "usb", Target: "/mnt/usb"}, {Name: "offsite", Target: "sftp://nas/vault"}}}
)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// sound is the state of a protected device, backed up a day ago.
func sound() catalog.State {
	saved := catalog.Saved{ID: "s1", Started: ago(day), Status: api.StatusOK}
	return catalog.State{Name: "sw1", Version: "15.0(2)SE8", Image: "flash:/x.bin", Newest: saved, Good: saved, Holds: true,
		Mirrors: []string{"/mnt/usb", "sftp://nas/vault", "/mnt/other"}, Proved: ago(day), Last: catalog.Attempt{Status: api.StatusOK, Started: ago(day), Ended: ago(day)}}
}

// failing makes the newest backup run one that failed some time ago.
func failing(s *catalog.State, before time.Duration, status string) {
	s.Last = catalog.Attempt{Status: status, Started: ago(before), Ended: ago(before)}
	s.Failed = &api.Run{Status: status, Cause: "no_request", Message: "The switch sent no TFTP request", Hint: "run `flashwarden doctor sw1`", Started: ago(before), Ended: ago(before)}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *catalog.State)
		want   []string // each reason: its word, its message, its hint
	}{
		"protected":                             {func(*catalog.State) {}, nil},
		"protected, and the last backup failed": {func(s *catalog.State) { failing(s, time.Hour, api.StatusFailed) }, nil},
		"no backup": {func(s *catalog.State) { *s = catalog.State{Name: "sw1"} },
			[]string{"never", "No backup yet", "`flashwarden backup sw1`"}},
		"no backup, and the first one failed": {func(s *catalog.State) {
			*s = catalog.State{Name: "sw1"}
			failing(s, 3*time.Hour+5*time.Minute, api.StatusFailed)
		}, []string{"never", "No backup yet. The last try failed 3 hours ago: The switch sent no TFTP request", "run `flashwarden doctor sw1`"}},
		"incomplete": {func(s *catalog.State) {
			s.Good, s.Holds, s.Proved, s.Newest.Status = catalog.Saved{}, false, time.Time{}, api.StatusIncomplete
			failing(s, day, api.StatusIncomplete)
		}, []string{"incomplete", "No complete backup; the newest one, made 1 day ago, lacks files. The last try failed 1 day ago: The switch sent no TFTP request", "run `flashwarden doctor sw1`"}},
		"an incomplete backup after a complete one": {func(s *catalog.State) {
			s.Newest = catalog.Saved{ID: "s2", Started: ago(time.Hour), Status: api.StatusIncomplete}
			failing(s, time.Hour, api.StatusIncomplete)
		}, nil},
		"just young enough": {func(s *catalog.State) { s.Good.Started = ago(8*day - time.Second) }, nil},
		"old": {func(s *catalog.State) { s.Good.Started = ago(8*day + time.Hour) },
			[]string{"old", "Last complete backup 8 days 1 hour ago; the limit is 8 days", "`flashwarden backup sw1`"}},
		"old, and it fails every night": {func(s *catalog.State) {
			s.Good.Started = ago(12 * day)
			failing(s, 5*time.Hour+30*time.Minute, api.StatusFailed)
		}, []string{"old", "Last complete backup 12 days ago; the limit is 8 days. The last try failed 5 hours ago: The switch sent no TFTP request", "run `flashwarden doctor sw1`"}},
		"old, and one runs after a failed one": {func(s *catalog.State) {
			s.Good.Started = ago(12 * day)
			failing(s, 5*time.Hour, api.StatusFailed)
			s.Last = catalog.Attempt{Status: api.StatusRunning, Started: ago(time.Minute)}
		}, []string{"old", "Last complete backup 12 days ago; the limit is 8 days. The last try failed 5 hours ago: The switch sent no TFTP request", "run `flashwarden doctor sw1`"}},
		"old, and it was interrupted": {func(s *catalog.State) {
			s.Good.Started = ago(12 * day)
			s.Last = catalog.Attempt{Status: api.StatusInterrupted, Started: ago(time.Hour)}
			s.Failed = &api.Run{Status: api.StatusInterrupted, Message: "the program ended first", Started: ago(time.Hour)}
		}, []string{"old", "Last complete backup 12 days ago; the limit is 8 days. The last try failed 1 hour ago: the program ended first", "`flashwarden backup sw1`"}},
		"it failed just now": {func(s *catalog.State) {
			*s = catalog.State{Name: "sw1"}
			failing(s, 59*time.Second, api.StatusFailed)
		}, []string{"never", "No backup yet. The last try failed just now: The switch sent no TFTP request", "run `flashwarden doctor sw1`"}},
		"an older failure": {func(s *catalog.State) {
			last := s.Last
			failing(s, 20*day, api.StatusFailed)
			s.Last, s.Good.Started = last, ago(9*day)
		}, []string{"old", "Last complete backup 9 days ago; the limit is 8 days", "`flashwarden backup sw1`"}},
		"old, and confirmed by a look": {func(s *catalog.State) { s.Good.Started, s.Looked = ago(20*day), ago(7*day) }, nil},
		"an old look": {func(s *catalog.State) { s.Good.Started, s.Looked = ago(20*day), ago(9*day) },
			[]string{"old", "Last complete backup 9 days ago; the limit is 8 days", "`flashwarden backup sw1`"}},
		"a clock that is a little ahead": {func(s *catalog.State) { s.Good.Started = now.Add(time.Hour) }, nil},
		"a backup from the future": {func(s *catalog.State) { s.Good.Started = now.Add(400 * day) },
			[]string{"future", "The last complete backup is dated in the future: " + time.Date(2028, 1, 2, 7, 30, 0, 0, time.UTC).Local().Format("2006-01-02 15:04 MST"), "check the clock of this host (`timedatectl`), then run `flashwarden backup sw1`"}},
		"another image": {func(s *catalog.State) { s.Holds, s.Image, s.Version = false, "flash:/new.bin", "15.2(7)E4" },
			[]string{"image", "The last complete backup does not have the image that the device runs: flash:/new.bin, version 15.2(7)E4", "`flashwarden backup sw1`"}},
		"another image, and the backup fails": {func(s *catalog.State) {
			s.Holds, s.Image, s.Version = false, "flash:/new.bin", "15.2(7)E4"
			failing(s, time.Hour, api.StatusIncomplete)
		}, []string{"image", "The last complete backup does not have the image that the device runs: flash:/new.bin, version 15.2(7)E4. The last try failed 1 hour ago: The switch sent no TFTP request", "run `flashwarden doctor sw1`"}},
		"an image that nobody knows": {func(s *catalog.State) { s.Holds, s.Image, s.Version = false, "", "" },
			[]string{"image", "The last complete backup does not have the image that the device runs", "`flashwarden backup sw1`"}},
		"read long ago": {func(s *catalog.State) { s.Proved = ago(35 * day) },
			[]string{"not_proved", "The vault's copy of the last complete backup was last read 35 days ago; the limit is 35 days", "`flashwarden check --read-data`"}},
		"never read": {func(s *catalog.State) { s.Proved = time.Time{} },
			[]string{"not_proved", "The vault's copy of the last complete backup was never read again", "`flashwarden check --read-data`"}},
		"read by a clock that is a little ahead": {func(s *catalog.State) { s.Proved = now.Add(time.Hour) }, nil},
		"read in the future": {func(s *catalog.State) { s.Proved = now.Add(400 * day) },
			[]string{"not_proved", "The last read of the vault's copy of the last complete backup is dated in the future: " + time.Date(2028, 1, 2, 7, 30, 0, 0, time.UTC).Local().Format("2006-01-02 15:04 MST"),
				"check the clock of this host (`timedatectl`), then run `flashwarden check --read-data`"}},
		"not in one mirror": {func(s *catalog.State) { s.Mirrors = []string{"/mnt/usb"} },
			[]string{"not_mirrored", "The mirror offsite does not have the last complete backup", "`flashwarden mirror offsite`"}},
		"in no mirror": {func(s *catalog.State) { s.Mirrors = nil },
			[]string{"not_mirrored", "The mirrors usb, offsite do not have the last complete backup", "`flashwarden mirror usb`"}},
		"damaged": {func(s *catalog.State) { s.Damaged, s.Proved = true, time.Time{} },
			[]string{"damaged", "The vault's copy of the last complete backup is damaged or incomplete", "copy every file again: `flashwarden backup sw1 --recopy`"}},
		"an image that is damaged on the device": {func(s *catalog.State) { s.ImageBad = true },
			[]string{"image_damaged", "The image in the last complete backup is damaged, as it is on the device: its own checksums are wrong",
				"put a good image on the device before it restarts, then run `flashwarden backup sw1`"}},
		"warnings": {func(s *catalog.State) { s.Warnings = []string{"switch 2 runs another image"} }, nil},
		"several": {func(s *catalog.State) {
			s.Good.Started, s.Holds, s.Image, s.Proved = ago(40*day), false, "", ago(40*day)
		}, []string{
			"old", "Last complete backup 40 days ago; the limit is 8 days", "`flashwarden backup sw1`",
			"image", "The last complete backup does not have the image that the device runs", "`flashwarden backup sw1`",
			"not_proved", "The vault's copy of the last complete backup was last read 40 days ago; the limit is 35 days", "`flashwarden check --read-data`"}},
	} {
		s := sound()
		c.change(&s)
		var got []string
		for _, r := range rules.Judge(s, now) {
			got = append(got, r.Reason, r.Message, r.Hint)
			if r.Fix.String() != r.Hint {
				t.Errorf("%s: the hint is %q, and the fix %q", name, r.Hint, r.Fix)
			}
		}
		if got, want := strings.Join(got, "\n"), strings.Join(c.want, "\n"); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
		}
	}
}

func TestLastFails(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *catalog.State)
		want   bool
	}{
		"good":               {func(*catalog.State) {}, false},
		"no run":             {func(s *catalog.State) { s.Last = catalog.Attempt{} }, false},
		"failed":             {func(s *catalog.State) { failing(s, time.Hour, api.StatusFailed) }, true},
		"failed before that": {func(s *catalog.State) { last := s.Last; failing(s, 9*day, api.StatusFailed); s.Last = last }, false},
		"a look":             {func(s *catalog.State) { failing(s, 9*day, api.StatusFailed); s.Last.Status = api.StatusUnchanged }, false},
		"runs after a failed one": {func(s *catalog.State) {
			failing(s, time.Hour, api.StatusFailed)
			s.Last.Status = api.StatusRunning
		}, true},
		"runs after a good one": {func(s *catalog.State) {
			failing(s, 9*day, api.StatusFailed)
			s.Last.Status = api.StatusRunning
		}, false},
	} {
		s := sound()
		c.change(&s)
		if got := protect.LastFails(s); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A protected device costs nothing: most of a fleet of 10,000 is protected.
func TestJudgeAllocatesNothing(t *testing.T) {
	s := sound()
	if n := testing.AllocsPerRun(100, func() { rules.Judge(s, now) }); n > 0 {
		t.Errorf("%g allocations for a protected device", n)
	}
}
