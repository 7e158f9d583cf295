package backup_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/catalog"
	"flashwarden/internal/iossim"
	"flashwarden/internal/node"
	"flashwarden/internal/node/nodetest"
	"flashwarden/internal/testlevel"
)

// TestOKMeansAll backs up devices in random states, which answer, refuse, damage and
// break off at random. Whatever becomes of a backup:
//   - it typed nothing that changes the device, and agreed to no question about
//     erasing or overwriting;
//   - every file that it calls kept is in the vault, byte for byte as it is on the
//     device;
//   - if it says ok, it has the image that runs with all its packages, on every unit,
//     and every file that a switch is rebuilt from. An image that is in no flash is
//     named in a warning.
//
// The simulated devices decide which files run and exist; nothing here uses package
// flash.
func TestOKMeansAll(t *testing.T) {
	t.Parallel()
	n := nodetest.Start(t, nodetest.Options(t))
	profiles := iossim.Profiles()
	var wg sync.WaitGroup
	defer wg.Wait()
	limit := make(chan bool, 24) // they wait more than they work
	for seed := range testlevel.Of(6, 40, 5_000) {
		wg.Go(func() {
			limit <- true
			defer func() { <-limit }()
			random := rand.New(rand.NewPCG(uint64(seed), 2))
			profile := profiles[seed%len(profiles)]
			if testlevel.Current() == testlevel.Quick {
				profile = []string{"c2950", "c3500xl", "c2600", "c3640-partitions", "c2500", "c2900xl"}[seed%6] // over Telnet
			}
			t.Run(fmt.Sprintf("%s-%d", profile, seed), func(t *testing.T) {
				w := newWorld(t, n, random, profile, seed)
				w.run()
			})
		})
	}
}

// world is one device in a random state.
type world struct {
	*testing.T
	random  *rand.Rand
	node    *node.Node
	sw      *iossim.Switch
	device  api.Device
	options backup.Options

	mu      sync.Mutex
	typed   int
	struck  bool
	flips   bool // the wire inverts a bit
	changed bool // somebody changed its files while the backup ran
	events  int
}

func (w *world) chance(n int) bool { return w.random.IntN(n) == 0 }

func newWorld(t *testing.T, n *node.Node, random *rand.Rand, profile string, seed int) *world {
	w := &world{T: t, random: random, node: n}
	o := iossim.Options{Username: "backup", Password: "login-word", EnablePassword: "enable-word", LargestImage: 40_000, Timeout: time.Second,
		TFTPPort: uint16(n.TFTPAddr().(*net.UDPAddr).Port)}
	w.state(&o)
	scp := o.Privilege == 0 && w.chance(4)
	if scp {
		o.Privilege = 15 // its server serves nobody else
	}
	o.Listen = fmt.Sprintf("127.0.%d.%d:0", 1+seed/250, 1+seed%250) // an address has one host key
	o.Faults = w.faults()
	if o.FilePrompt == "quiet" { // then these change the device without a question
		o.Faults.AskErase, o.Faults.AskOverwrite = 0, 0
	}
	var err error
	if w.sw, err = iossim.New(profile, o); err != nil {
		t.Fatal(err)
	}
	w.files()
	if err := w.sw.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.sw.Close() })
	w.device = api.Device{Name: fmt.Sprintf("sw%d", seed), Address: w.sw.Addr().String(), Transport: w.sw.Transport(), Username: "backup", LegacyCrypto: w.sw.LegacyCrypto()}
	if scp && w.sw.Transport() == "ssh" {
		w.device.CopyBy = api.CopySCPPull
	}
	password, enable := "login-word", "enable-word"
	_, secrets, err := n.SealDevice(t.Context(), api.DeviceChange{Device: w.device, Password: &password, EnablePassword: &enable}, api.Device{}, catalog.Secrets{})
	if err == nil {
		err = n.Catalog.AddDevice(t.Context(), w.device, secrets)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.options = backup.Options{Recopy: w.chance(3), Policy: []api.Policy{api.PolicyRebuild, api.PolicyRebuild, api.PolicyAll, api.PolicyImage}[random.IntN(4)]}
	return w
}

// state makes the settings of the device.
func (w *world) state(o *iossim.Options) {
	pick := func(all ...string) string { return all[w.random.IntN(len(all))] }
	if w.chance(5) {
		o.Boots = [][]string{{}, {"flash:/gone.bin"}, {"flash:/old.bin"}}[w.random.IntN(3)]
	}
	if w.chance(8) {
		o.FilePrompt = pick("quiet", "noisy")
	}
	if w.chance(8) {
		o.TimeSource = pick("NTP", "none")
	}
	if w.chance(8) {
		o.PromptClock = "[15:04:05] "
	}
	if w.chance(30) {
		o.Privilege = 1 + w.random.IntN(15)
	}
	if w.chance(6) {
		o.Denied = []string{pick("verify", "verify /md5", "dir /recursive", "dir", "more", "show boot", "show bootvar", "show install", "show switch", "show running-config",
			"show file systems", "terminal length", "terminal width", "copy nvram", "copy flash:/vlan.dat", "show version")}
	}
	o.SCPServer, o.InsecureMode = true, !w.chance(4)
}

// faults are those of the device and of the line to it.
func (w *world) faults() iossim.Faults {
	var f iossim.Faults
	quick := []*iossim.Times{&f.ShortBlock, &f.FlipBit, &f.OtherName, &f.OddRow, &f.RejectVerify, &f.RejectMD5, &f.KeepPaging, &f.KeepWidth}
	slow := []*iossim.Times{&f.AskErase, &f.AskOverwrite, &f.AskPartition, &f.AskUnknown, &f.HangTerminal, &f.RestrictTFTP, &f.SyslogNoise, &f.SecurityWarnings}
	if testlevel.Current() == testlevel.Quick { // the others wait for silence
		*quick[w.random.IntN(len(quick))] = 1
		w.flips = f.FlipBit != 0
		return f
	}
	at, after := w.random.IntN(50), w.chance(2)
	once := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.typed++
		now := w.typed > at && !w.struck
		w.struck = w.struck || now
		return now
	}
	questions := []string{"Erase flash: before copying?", "Do you want to over write?", "Proceed?", "Format operation will destroy all data in \"flash:\".  Continue?",
		"Delete flash:/config.text?", "Erasing the nvram filesystem will remove all configuration files! Continue?"}
	question := questions[w.random.IntN(len(questions))]
	switch w.random.IntN(7) {
	case 0:
		f.CutPower = w.chance(3)
		f.Break = func(string) (bool, bool) { return once(), after }
	case 1:
		f.Ask = func(string) string {
			if once() {
				return question
			}
			return ""
		}
	case 2:
		bytes := 1 + w.random.IntN(600)
		f.CutOutput = func(string) int {
			if once() {
				return bytes
			}
			return 0
		}
	}
	some := slices.Concat(quick, slow)
	for range w.random.IntN(4) {
		*some[w.random.IntN(len(some))] = []iossim.Times{1, 2, iossim.Always}[w.random.IntN(3)]
	}
	w.flips = f.FlipBit != 0
	if w.chance(8) {
		f.Hangup = iossim.After{Bytes: w.random.Int64N(60_000), Times: 1}
	}
	if w.chance(12) {
		f.Stall = iossim.After{Bytes: w.random.Int64N(60_000), Times: 1}
	}
	f.DamagedImages = w.chance(6)
	return f
}

// files changes the contents of flash.
func (w *world) files() {
	image := w.sw.Running()
	all := slices.DeleteFunc(w.sw.Files(), func(p string) bool { return strings.HasPrefix(p, "system:") || strings.Contains(p, "nvram:") })
	if len(all) == 0 {
		return
	}
	victim := all[w.random.IntN(len(all))]
	if data, there := w.sw.File(image); there && w.chance(3) {
		victim = image
		if strings.HasSuffix(image, ".conf") && w.chance(2) {
			names := packagesIn(string(data))
			victim = image[:strings.LastIndexAny(image, ":/")+1] + names[w.random.IntN(len(names))]
		}
	}
	var err error
	switch w.random.IntN(8) {
	case 0:
		err = w.sw.Remove(victim)
	case 1:
		err = w.sw.Write(victim, nil)
	case 2:
		data, _ := w.sw.File(victim)
		err = w.sw.Write(victim, data[:len(data)/2])
	case 3:
		err = w.sw.Write(victim, []byte(fmt.Sprintf("written by hand %d\n", w.random.Int())))
	case 4:
		err = w.sw.Write(system(victim)+"/vlan.dat", []byte(fmt.Sprintf("vlans %d", w.random.Int())))
	}
	if err != nil {
		w.Logf("%s: %v", victim, err) // a read-only file system
	}
}

func name(p string) string { return p[strings.LastIndexAny(p, ":/")+1:] }

func system(p string) string { return p[:strings.LastIndexByte(p, ':')+1] }

// packagesIn returns the packages that a provisioning file names.
func packagesIn(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		for _, word := range strings.Fields(line) {
			if strings.HasSuffix(word, ".pkg") && !strings.HasPrefix(line, "#") {
				names = append(names, word)
			}
		}
	}
	return names
}

// run makes a backup and checks it.
func (w *world) run() {
	before := w.digests()
	running := w.sw.Running()
	r := w.node.Runner()
	r.Waits, r.Stall = []time.Duration{time.Millisecond, time.Millisecond}, 2*time.Second
	changeAt := w.random.IntN(400)
	r.Watch = func(api.Event) { w.change(changeAt) }
	res := r.All(w.Context(), []api.Device{w.device}, w.options)[0]
	w.Logf("%s %s %s", res.Status, res.Cause, res.Message)
	w.wantUntouched(before)
	for _, f := range res.Files {
		w.wantHeld(f, before)
	}
	if res.Status == api.StatusOK {
		w.wantAll(res, running, before)
	}
	if w.Failed() {
		w.Logf("warnings %q\ntyped\n%s", res.Warnings, strings.Join(w.sw.Commands(), "\n"))
	}
}

// change changes the device while the backup works, as another person does.
func (w *world) change(at int) {
	w.mu.Lock()
	w.events++
	now := w.events == at
	w.changed = w.changed || now
	w.mu.Unlock()
	if !now {
		return
	}
	if data, ok := w.sw.File(w.sw.Running()); ok && at%2 == 0 {
		text := strings.ReplaceAll(string(data), "17.09.04a", "17.09.05b") // of the same length
		if err := w.sw.Write(w.sw.Running(), []byte(text)); err != nil {
			w.Log(err)
		}
		return
	}
	w.sw.PowerCycle()
}

// digests is the SHA-256 of every file of the device.
func (w *world) digests() map[string]string {
	out := make(map[string]string)
	for _, p := range w.sw.Files() {
		if data, ok := w.sw.File(p); ok {
			out[p] = sum(data)
		}
	}
	return out
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

var (
	harmless = regexp.MustCompile(`^(?:show |dir |more |verify |terminal |copy \S+ tftp://\S+|scp |enable|exit|logout|quit|$)|\?|\[confirm\]|\[yes/no\]|<hidden>|^Username:|^Password:| --More-- |^Enter |\^C$`)
	agreed   = regexp.MustCompile(`(?i)(?:erase|erasing|format|over ?write|remove all|delete|proceed)[^\n]*\[confirm\][ \t]*[yY]?$|(?:erase|format|over ?write)[^\n]* (?:y|yes)$`)
)

// wantUntouched wants nothing typed that changes the device.
func (w *world) wantUntouched(before map[string]string) {
	for _, c := range w.sw.Commands() {
		if !harmless.MatchString(c) {
			w.Errorf("typed %q", c)
		}
		if agreed.MatchString(c) {
			w.Errorf("agreed to %q", c)
		}
	}
	for p, after := range w.digests() {
		if after != before[p] && !w.changed {
			w.Errorf("%s has changed", p)
		}
	}
}

// wantHeld wants a file that is kept in the vault as it is on the device.
func (w *world) wantHeld(f api.File, before map[string]string) {
	if f.SHA256 == "" {
		if f.Cause == "" {
			w.Errorf("%s has neither content nor a cause", f.Path)
		}
		return
	}
	data := w.blob(f.SHA256)
	on, there := w.sw.File(f.Path)
	switch {
	case sum(data) != f.SHA256 || int64(len(data)) != f.Size:
		w.Errorf("%s: the vault has %d bytes with another digest", f.Path, len(data))
	case w.changed:
	case f.Path == api.RunningConfigPath:
		for line := range strings.Lines(string(on)) {
			if !strings.Contains(string(data), line) && !strings.HasPrefix(line, " ip address ") {
				w.Errorf("the running-config is without %q:\n%s", line, data)
			}
		}
	case f.Evidence == api.EvidenceSize && w.flips && int64(len(on)) == f.Size: // nothing can show it
	case !there || sum(on) != f.SHA256:
		w.Errorf("%s in the vault is not what the device has (there: %t), evidence %s", f.Path, there, f.Evidence)
	}
}

func (w *world) blob(sha string) []byte {
	v, err := w.node.Vault(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	blob, err := v.OpenBlob(w.Context(), sha)
	if err != nil {
		w.Errorf("open %s: %v", sha, err)
		return nil
	}
	defer blob.Close()
	data, err := io.ReadAll(blob)
	if err != nil {
		w.Error(err)
	}
	return data
}

// wantAll wants everything in a backup that says ok.
func (w *world) wantAll(res api.BackupResult, running string, before map[string]string) {
	has := func(p string) (api.File, bool) {
		i := slices.IndexFunc(res.Files, func(f api.File) bool { return f.SHA256 != "" && plain(f.Path) == plain(p) })
		if i < 0 {
			return api.File{}, false
		}
		return res.Files[i], true
	}
	for _, f := range res.Files { // what a provisioning file says that was saved, not what it said before
		if f.Kind != api.KindBootPointer || f.SHA256 == "" {
			continue
		}
		for _, pkg := range packagesIn(string(w.blob(f.SHA256))) {
			if !held(has(f.Path[:strings.LastIndexAny(f.Path, ":/")+1] + pkg)) {
				w.Errorf("ok, but %s names %s, and it is not held", f.Path, pkg)
			}
		}
	}
	if w.changed {
		return
	}
	data, there := w.sw.File(running)
	i := slices.IndexFunc(res.Files, func(f api.File) bool { // one file system may have two names
		return name(f.Path) == name(running) && (f.SHA256 == sum(data) || f.Evidence == api.EvidenceSize && w.flips)
	})
	ok := i >= 0
	switch {
	case there && !ok:
		w.Errorf("ok without the running image %s", running)
	case there && len(data) == 0:
		w.Errorf("ok with an empty image %s", running)
	case !there && !slices.ContainsFunc(res.Warnings, func(text string) bool { return strings.Contains(text, "is in no flash of the device") }):
		w.Errorf("ok without the running image %s, which is in no flash, and without a warning", running)
	}
	if w.options.Policy == api.PolicyImage {
		return
	}
	for p := range before {
		if rebuilds(p) && !held(has(p)) {
			w.Errorf("ok without %s", p)
		}
	}
	if !held(has(api.RunningConfigPath)) {
		w.Error("ok without the running-config")
	}
}

func held(_ api.File, ok bool) bool { return ok }

// plain is a path without slashes after its file system, and with the first name of
// that.
func plain(p string) string {
	i := strings.LastIndexByte(p, ':') + 1
	return p[:i] + strings.TrimLeft(path.Clean("/"+p[i:]), "/")
}

// rebuilds reports whether a switch is rebuilt from a file: by its name, at the top of
// a flash or in nvram:.
func rebuilds(p string) bool {
	rel := plain(p)[len(system(p)):]
	switch {
	case p == "nvram:/startup-config":
		return true
	case strings.Contains(system(p), "nvram") || strings.Contains(system(p), "crashinfo") || strings.Contains(system(p), "usb") || system(p) == "system:":
		return false
	}
	return slices.Contains([]string{"config.text", "private-config.text", "vlan.dat", "multiple-fs", "env_vars", "info", "info.ver"}, rel)
}
