package web_test

import (
	"encoding/json"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/warden"
	"flashwarden/internal/web"
)

// drawing is what the script of the page gets.
type drawing struct {
	Unit   string
	Times  []int64
	Series []struct {
		Label  string
		Values []*int64
	}
}

var drawingPattern = regexp.MustCompile(`data-drawing="([^"]*)"`)

// drawings returns the plots of a page, and the page.
func drawings(t *testing.T, a *answers, as warden.Actor, path string) (all []drawing, body string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	w := httptest.NewRecorder()
	p := web.Page{Warden: a, Live: happens(a), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
	p.Handler().ServeHTTP(w, r.WithContext(warden.As(r.Context(), as)))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d\n%s", path, w.Code, w.Body)
	}
	for _, found := range drawingPattern.FindAllStringSubmatch(w.Body.String(), -1) {
		var d drawing
		if err := json.Unmarshal([]byte(html.UnescapeString(found[1])), &d); err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all, w.Body.String()
}

// TestDayPlots has the fleet and the vault over 90 days, for those who see all devices.
func TestDayPlots(t *testing.T) {
	a := morning()
	viewer := warden.Actor{Name: "v", Role: api.RoleViewer}
	plots, body := drawings(t, a, viewer, "/vault")
	if len(plots) != 2 || plots[0].Unit != "count" || plots[1].Unit != "bytes" {
		t.Fatalf("plots %+v", plots)
	}
	last := len(a.days) - 1
	for i, d := range []int{0, 60, last} {
		at, err := time.Parse(time.DateOnly, a.days[d].Date)
		if err != nil || plots[0].Times[d] != at.Add(12*time.Hour).Unix() || *plots[0].Series[0].Values[d] != a.days[d].Protected ||
			*plots[0].Series[1].Values[d] != a.days[d].Devices || *plots[1].Series[0].Values[d] != a.days[d].Bytes {
			t.Errorf("case %d: day %+v is not in the plots", i, a.days[d])
		}
	}
	if strings.Count(body, "<tbody>") < 3 || !strings.Contains(body, "plots.js") {
		t.Error("the page lacks a table or the script")
	}
	a.days = a.days[:1]
	if plots, body := drawings(t, a, viewer, "/vault"); len(plots) != 0 || strings.Contains(body, "plots.js") {
		t.Error("a plot of one day")
	}
	a.days = quarter()
	if plots, _ := drawings(t, a, warden.Actor{Name: "v", Role: api.RoleViewer, Site: "hq"}, "/vault"); len(plots) != 0 {
		t.Error("somebody who sees one site sees the whole fleet in a plot")
	}
}

// TestDevicePlots has each file system as a line, also if one was not there at some backup; and the
// backups that copied something, the oldest first.
func TestDevicePlots(t *testing.T) {
	at := func(days int) time.Time { return now.AddDate(0, 0, days) }
	run := func(days int, kind string, bytes int64, seconds, repeats int) api.Run {
		return api.Run{Kind: kind, Started: at(days), Ended: at(days).Add(time.Duration(seconds) * time.Second), BytesCopied: bytes, Retransmits: repeats}
	}
	a := full("sw1")
	a.history = api.DeviceHistory{
		FlashUse: []api.FlashUse{{FileSystem: "flash-2:", At: at(-1), Total: 100, Free: 30}, {FileSystem: "flash:", At: at(-2), Total: 100, Free: 60}, {FileSystem: "flash:", At: at(-1), Total: 100, Free: 0}},
		Runs: []api.Run{run(0, api.RunBackup, 0, 9, 0), run(-1, api.RunBackup, 8000, 4, 3), run(-2, api.RunRestore, 5000, 1, 0), {Kind: api.RunBackup, Started: at(-3), BytesCopied: 1},
			run(-4, api.RunBackup, 3000, 10, 0)},
	}
	plots, _ := drawings(t, a, warden.Actor{Name: "v", Role: api.RoleViewer, Site: "hq"}, "/devices/sw1")
	got, err := json.Marshal(plots)
	unix := func(days int) string { return now.AddDate(0, 0, days).Format("2006-01-02") }
	text := string(got)
	for _, days := range []int{-4, -3, -2, -1, 0} {
		stamp, _ := json.Marshal(at(days).Unix())
		text = strings.ReplaceAll(text, string(stamp), unix(days))
	}
	want := `[{"Unit":"bytes","Times":[2026-02-28,2026-03-01],"Series":[{"Label":"flash-2:","Values":[null,70]},{"Label":"flash:","Values":[40,100]}]},` +
		`{"Unit":"rate","Times":[2026-02-26,2026-03-01],"Series":[{"Label":"Rate","Values":[300,2000]}]},` +
		`{"Unit":"count","Times":[2026-02-26,2026-02-27,2026-03-01,2026-03-02],"Series":[{"Label":"Packets","Values":[0,0,3,0]}]}]`
	if err != nil || text != want {
		t.Errorf("error %v, plots\n%s\nwant\n%s", err, text, want)
	}
	a.history.FlashUse = nil
	for day := range 200 {
		a.history.FlashUse = append(a.history.FlashUse, api.FlashUse{FileSystem: "flash:", At: at(day - 199), Total: 1000, Free: int64(day)})
	}
	plots, _ = drawings(t, a, warden.Actor{Name: "v", Role: api.RoleViewer}, "/devices/sw1")
	if p := plots[0]; len(p.Times) != 120 || p.Times[119] != at(0).Unix() || *p.Series[0].Values[119] != 1000-199 || *p.Series[0].Values[0] != 1000-80 {
		t.Errorf("a plot of 200 backups has %d times; want the newest 120", len(p.Times))
	}
	a.history.Runs[1].Retransmits = 0
	a.history.FlashUse = a.history.FlashUse[:1]
	if plots, _ := drawings(t, a, warden.Actor{Name: "v", Role: api.RoleViewer}, "/devices/sw1"); len(plots) != 1 {
		t.Errorf("%d plots; want one: no packet was sent again, and one value is no line", len(plots))
	}
}
