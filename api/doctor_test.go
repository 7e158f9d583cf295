package api_test

import (
	"testing"

	"flashwarden/api"
)

func TestFindingRendered(t *testing.T) {
	words := api.Say("look: ")
	for _, c := range []struct {
		name        string
		in          api.Finding
		line, where string
		changes     string
		hint        string
	}{
		{"lines", api.Finding{Fix: "df -h", Where: api.OnHost, Changes: "nothing"}, "df -h", "host", "nothing", ""},
		{"an operation", api.Finding{Next: api.Do("device edit", "sw1"), Where: "sw1", Changes: "it"}, "flashwarden device edit sw1", "host", "it", ""},
		{"a line on the device", api.Finding{Next: words.Type(api.OnDevice, "dir"), Where: "sw1"}, "dir", "sw1", "", "look: `dir`"},
		{"a line on this host", api.Finding{Next: words.Type(api.OnHost, "dmesg"), Where: "sw1"}, "dmesg", "host", "", "look: `dmesg`"},
		{"a line elsewhere", api.Finding{Next: words.Type(api.OnJump, "nc"), Where: "sw1"}, "", "sw1", "", "look: `nc`"},
		{"words alone", api.Finding{Next: words, Where: "sw1"}, "", "sw1", "", "look: "},
		{"nothing", api.Finding{Where: "sw1"}, "", "sw1", "", ""},
	} {
		got := c.in.Rendered()
		if got.Fix != c.line || got.Where != c.where || got.Changes != c.changes || got.Hint != c.hint || got.Next != nil {
			t.Errorf("%s: got %+v", c.name, got)
		}
	}
}

func TestReport(t *testing.T) {
	var r, more api.Report
	r.Find(api.Finding{Seen: "one"})
	more.Note("%d%%", 100)
	more.Find(api.Finding{Seen: "two", Where: "sw1"})
	r.Add(more)
	if len(r.Findings) != 2 || r.Findings[0].Where != api.OnHost || r.Findings[1].Where != "sw1" || len(r.Notes) != 1 || r.Notes[0] != "100%" {
		t.Errorf("%+v", r)
	}
}
