package node_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/iossim"
	"flashwarden/internal/node"
	"flashwarden/internal/testlevel"
)

// TestMain runs more tests side by side than there are processors: they mostly wait for switches.
func TestMain(m *testing.M) {
	testlevel.SideBySide()
	m.Run()
}

// lookBench is a node with one simulated device that was backed up.
type lookBench struct {
	*testing.T
	node    *node.Node
	profile string
	device  api.Device
	sw      *iossim.Switch
	first   api.BackupResult
}

func newLookBench(t *testing.T, profile string) *lookBench {
	b := &lookBench{T: t, node: openNode(t), profile: profile}
	b.sw = startSwitch(t, b.node, profile, b.options(nil), false)
	b.device = deviceOf(t, b.node, profile, b.sw)
	b.first = b.backup(false)
	if b.first.Status != api.StatusOK {
		t.Fatalf("%s %q: %s", b.first.Status, b.first.Cause, b.first.Message)
	}
	return b
}

func (b *lookBench) options(texts map[string]string) iossim.Options {
	return iossim.Options{LargestImage: 40_000, Texts: texts}
}

func (b *lookBench) backup(look bool) api.BackupResult {
	return b.node.Backup(b.Context(), []api.Device{b.device}, api.Backup{Look: look}, nil, nil)[0]
}

// start replaces the device by one that prints these texts, at the same address.
func (b *lookBench) start(texts map[string]string) {
	b.Helper()
	o := b.options(texts)
	o.Listen = b.sw.Addr().String()
	if err := b.sw.Close(); err != nil {
		b.Fatal(err)
	}
	b.sw = startSwitch(b.T, b.node, b.profile, o, false)
}

// shows returns what the device prints for a command, to be changed.
func (b *lookBench) shows(command string) string {
	b.Helper()
	d, err := b.node.Dial(b.Context(), b.device)
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	text, err := d.Show(b.Context(), command)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLook changes one thing of a simulated device: a look then goes on as a backup, whose
// snapshot the next look confirms.
func TestLook(t *testing.T) {
	testlevel.NeedFull(t, "waits for terminals")
	t.Parallel()
	replaced := func(command, text, old, new string) func(b *lookBench) {
		return func(b *lookBench) {
			shown := b.shows(command)
			if !strings.Contains(shown, old) {
				b.Fatalf("%s has no %q:\n%s", command, old, shown)
			}
			b.start(map[string]string{text: strings.ReplaceAll(shown, old, new)})
		}
	}
	for name, c := range map[string]struct {
		profile string
		change  func(b *lookBench)
		why     string
	}{
		"config":         {"c3750", func(b *lookBench) { must(b, b.sw.EditRunningConfig("\nend", "\nvlan 77\nend")) }, "the running-config changed"},
		"volatile lines": {"c9300", func(b *lookBench) { must(b, b.sw.EditRunningConfig("15:40:55", "16:40:55")) }, ""},
		"new file":       {"c2960x-stack", func(b *lookBench) { must(b, b.sw.Write("flash-2:/new.txt", []byte("new"))) }, "flash-2:/new.txt is new"},
		"image time":     {"c3750-stack", func(b *lookBench) { must(b, b.sw.Touch(strings.Replace(c3750Image, "flash:", "flash2:", 1))) }, "; was"},
		"boot":           {"c9300", replaced("show boot", "show_boot", "packages.conf", "other.conf"), `boot "flash:other.conf;"`},
		"serial":         {"isr4300", replaced("show version", "show_version", "Processor board ID ", "Processor board ID X"), "serial"},
		"a lost file":    {"isr4300", func(b *lookBench) { must(b, b.sw.Remove("nvram:private-config")) }, "nvram:private-config is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newLookBench(t, c.profile)
			c.change(b)
			r := b.backup(true)
			if c.why == "" {
				if r.Status != api.StatusUnchanged {
					t.Errorf("%s: %s, notes %q", r.Status, r.Message, r.Notes)
				}
				return
			}
			if r.Status != api.StatusOK || r.Snapshot == b.first.Snapshot || !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, c.why) }) {
				t.Errorf("%s: %s, notes %q; want a new snapshot because of %s", r.Status, r.Message, r.Notes, c.why)
			}
			if again := b.backup(true); again.Status != api.StatusUnchanged || again.Snapshot != r.Snapshot {
				t.Errorf("the next look: %s of %s, notes %q", again.Status, again.Snapshot, again.Notes)
			}
		})
	}
}

// TestLookIsRecorded reads the run and the state of a device after a look.
func TestLookIsRecorded(t *testing.T) {
	testlevel.NeedFull(t, "waits for terminals")
	t.Parallel()
	b := newLookBench(t, "c3750")
	r := b.backup(true)
	runs, err := b.node.Catalog.Runs(t.Context(), b.device.Name, 9)
	if err != nil || len(runs) != 2 || runs[0].Status != api.StatusUnchanged || runs[0].Snapshot != b.first.Snapshot || runs[0].Image != b.first.Facts.Image {
		t.Errorf("runs %+v, error %v", runs, err)
	}
	states, err := b.node.Catalog.States(t.Context(), api.Select{Names: []string{b.device.Name}})
	if err != nil || states[0].Good.ID != r.Snapshot || !states[0].Looked.Equal(runs[0].Ended) || !states[0].Holds || states[0].Failed != nil {
		t.Errorf("state %+v, error %v", states, err)
	}
	snapshots, err := b.node.Catalog.Snapshots(t.Context(), "")
	if err != nil || len(snapshots) != 1 {
		t.Errorf("%d snapshots, error %v; want one", len(snapshots), err)
	}
}

// TestReverify asks the device for digests again, and copies nothing.
func TestReverify(t *testing.T) {
	testlevel.NeedFull(t, "waits for terminals")
	t.Parallel()
	b := newLookBench(t, "c3750")
	runner := b.node.Runner()
	runner.Looks = backup.LookRules{Reverify: time.Nanosecond, Turns: backup.NewTurns(1)}
	before := len(b.sw.Commands())
	r := runner.Backup(t.Context(), b.device, backup.Options{Look: true})
	image := r.Files[0]
	if r.Status != api.StatusOK || r.Snapshot == b.first.Snapshot || image.Copied || image.Evidence != api.EvidenceMD5 || r.BytesCopied != 0 {
		t.Errorf("%s, image %+v, %d bytes copied", r.Status, image, r.BytesCopied)
	}
	if typed := b.sw.Commands()[before:]; !slices.Contains(typed, "verify /md5 "+image.Path) {
		t.Errorf("typed %q", typed)
	}
}
