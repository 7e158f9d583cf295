package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flashwarden/internal/terminal"
	"flashwarden/internal/testlevel"
)

var (
	updateTour  = flag.Bool("update", false, "write the screens in testdata/tour again")
	tourScreens = flag.String("screens", "", "append all distinct screens of the tour to this `FILE`, for people to read")
)

// screens are the sizes of the terminals on which every command must be readable.
var screens = []terminal.Size{{Columns: 80, Rows: 24}, {Columns: 100, Rows: 30}, {Columns: 160, Rows: 50}}

// visit is one command of the tour.
type visit struct {
	args   []string
	code   int    // the exit code
	acts   bool   // it changes something or logs in to devices: it runs once in each place, and the places are few
	fixed  bool   // its text does not depend on the inventory
	moving bool   // it shows progress
	few    bool   // it takes long, and its text is the same in each place: without a terminal, and on the smallest
	before string // a command that prepares it
	after  string // one that undoes it
	typed  string // the answer to its question on a terminal
	until  string // it runs until it has printed this, and then gets SIGINT
	loose  bool   // its lines may be wider than the screen: a log, a program, or what -o wide prints
	space  bool   // its text names the free space of this host, and is then broken elsewhere: the golden screen is that without a terminal
	varies bool   // its text depends on this host or on the time: no golden screen
}

func (v visit) String() string { return "flashwarden " + strings.Join(v.args, " ") }

// TestTour runs every command for no device, for one, for three and for forty: on terminals
// of three sizes, with colours and without, and without a terminal. The rules in
// tourrules_test.go judge each screen; the files in testdata/tour show them to people.
func TestTour(t *testing.T) {
	testlevel.NeedFull(t, "a thousand commands, and simulated switches for them")
	t.Parallel() // beside the tests that wait
	for _, fleet := range tourFleets {
		t.Run(fmt.Sprintf("fleet of %d", fleet.devices), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.shortPath()
			s.env = append(s.env, "PAGER=cat", "TZ=UTC", "LC_ALL=C", "NO_COLOR=", "TERM=xterm")
			fleet.build(s)
			for _, v := range append(fleet.visits(), fixedVisits(fleet.devices)...) {
				g := &guide{site: s, visit: v, fleet: fleet.devices}
				g.tour()
			}
		})
	}
}

// guide takes one command through all places: pipes and terminals.
type guide struct {
	*site
	visit
	fleet int
	shown []shown // for the golden file
}

// shown is what one place showed.
type shown struct {
	place string
	rows  []string
}

func (g *guide) tour() {
	g.t.Helper()
	g.withoutTerminal()
	for i, size := range screens {
		switch {
		case i > 0 && (g.few || g.fixed && !thorough()):
		case !g.acts && !g.fixed:
			plain := g.onScreen(size, "never")
			if i != 1 && !thorough() {
				continue
			}
			if colored := g.onScreen(size, "always"); !slices.Equal(plain, colored) {
				g.t.Errorf("%s: with colours it says\n%s\nwithout\n%s", g.where(size), strings.Join(colored, "\n"), strings.Join(plain, "\n"))
			}
		default:
			g.onScreen(size, []string{"never", "always"}[i%2])
		}
	}
	if !g.fixed && !g.acts {
		g.quietly()
		g.asDocument()
	}
	g.golden()
}

// thorough reports whether every command is shown in every place. Otherwise colours are tried on
// one screen, documents on another, and what does not depend on the inventory on the smallest.
func thorough() bool { return testlevel.Current() == testlevel.Soak }

func (g *guide) where(size terminal.Size) string {
	place := "no terminal"
	if size != (terminal.Size{}) {
		place = fmt.Sprintf("%dx%d", size.Columns, size.Rows)
	}
	return fmt.Sprintf("%d devices, %s: %s", g.fleet, place, g.visit)
}

// wantCode judges the exit code.
func (g *guide) wantCode(what string, o outcome) {
	g.t.Helper()
	if o.code != g.code && g.code != hostCode {
		g.t.Errorf("%s ends with %d, want %d\n%s%s", what, o.code, g.code, o.stdout, o.stderr)
	}
}

// withoutTerminal judges the output into pipes.
func (g *guide) withoutTerminal() {
	g.t.Helper()
	o := g.pipe(g.args...)
	what := g.where(terminal.Size{})
	g.wantCode(what, o)
	for _, text := range []string{o.stdout, o.stderr} {
		r := rules{t: g.t, what: what, tabs: g.args[0] == "firewall", rows: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
		r.wantNoControls(text)
		r.all()
	}
	text := o.stdout
	if o.stderr != "" {
		text += "-- standard error --\n" + o.stderr
	}
	g.shown = append(g.shown, shown{"no terminal", normal(g.site, strings.Split(strings.TrimSuffix(text, "\n"), "\n"))})
}

// onScreen judges the output on a terminal, and returns its rows.
func (g *guide) onScreen(size terminal.Size, color string) []string {
	g.t.Helper()
	text, code := g.terminal(size, append(slices.Clone(g.args), "--color", color)...)
	what := g.where(size) + " --color " + color
	g.wantCode(what, outcome{code: code, stdout: string(text)})
	r := rules{t: g.t, what: what, size: size, tabs: g.args[0] == "firewall", colored: color == "always", moving: g.moving, loose: g.loose || slices.Contains(g.args, "wide")}
	r.judge(text)
	rows := normal(g.site, r.rows)
	if color == "never" || g.acts || g.fixed {
		g.shown = append(g.shown, shown{fmt.Sprintf("%dx%d", size.Columns, size.Rows), rows})
	}
	return rows
}

// quietly wants no text at success.
func (g *guide) quietly() {
	g.t.Helper()
	o := g.pipe(append(slices.Clone(g.args), "--quiet")...)
	what := g.where(terminal.Size{}) + " --quiet"
	g.wantCode(what, o)
	if o.code == 0 && (o.stderr != "" || o.stdout != "" && !asksForText(g.args)) {
		g.t.Errorf("%s prints\n%s%s", what, o.stdout, o.stderr)
	}
}

// asDocument wants exactly one JSON document, the same in every place.
func (g *guide) asDocument() {
	g.t.Helper()
	args := append(slices.Clone(g.args), "--json")
	what := g.where(terminal.Size{}) + " --json"
	o := g.pipe(args...)
	g.wantCode(what, o)
	if !json.Valid([]byte(o.stdout)) {
		g.t.Errorf("%s prints no document, but\n%s", what, o.stdout)
	}
	sizes := []terminal.Size{screens[0], screens[2]}
	if !thorough() {
		sizes = sizes[:1]
	}
	for _, size := range sizes {
		text := g.document(size, args...)
		if text = strings.ReplaceAll(text, "\r\n", "\n"); !slices.Equal(normal(g.site, strings.Split(text, "\n")), normal(g.site, strings.Split(o.stdout, "\n"))) {
			g.t.Errorf("%s --json prints\n%s\nwithout a terminal\n%s", g.where(size), text, o.stdout)
		}
	}
}

// golden compares the screens with those in testdata/tour.
func (g *guide) golden() {
	g.t.Helper()
	text := "$ " + g.visit.String() + "\n"
	switch {
	case g.space:
		g.shown = g.shown[:1]
	case g.fixed:
		g.shown = g.shown[1:2]
	}
	for i, s := range g.shown {
		if i > 0 && slices.Equal(s.rows, g.shown[i-1].rows) {
			continue
		}
		places := []string{s.place}
		for _, other := range g.shown[i+1:] {
			if !slices.Equal(other.rows, s.rows) {
				break
			}
			places = append(places, other.place)
		}
		text += "\n== " + strings.Join(places, ", ") + "\n" + strings.Join(s.rows, "\n") + "\n"
	}
	if *tourScreens != "" {
		f, err := os.OpenFile(*tourScreens, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			g.t.Fatal(err)
		}
		fmt.Fprintf(f, "#### %d devices, exit code %d\n%s\n", g.fleet, g.code, text)
		closeFile(g.t, f)
	}
	if !g.varies {
		g.compare(text)
	}
}

// compare compares a text with the file of this command.
func (g *guide) compare(text string) {
	g.t.Helper()
	name := strings.NewReplacer("/", "_", " ", "-", ":", "").Replace(fmt.Sprintf("%d-%s", g.fleet, strings.Join(g.args, " ")))
	file := "testdata/tour/" + regexp.MustCompile("-+").ReplaceAllString(name, "-") + ".txt"
	if *updateTour {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			g.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		g.t.Errorf("%v; `go test ./e2e -run TestTour -update` writes it", err)
	}
	if string(want) != text {
		g.t.Errorf("%s is not as before; if that is right, run go test ./e2e -run TestTour -update\n%s", file, difference(string(want), text))
	}
}

// asksForText reports whether a command only shows something: then --quiet does not
// suppress it.
func asksForText(args []string) bool {
	return !slices.Contains(args, "--dry-run") && args[0] != "check" && args[0] != "diff"
}
