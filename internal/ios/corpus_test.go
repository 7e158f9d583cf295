package ios

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashwarden/internal/cause"
	"flashwarden/internal/testlevel"
)

// sample is one real output with its facts.
type sample struct {
	name     string         // os/command/number
	OS       string         `json:"os"`
	Command  string         `json:"command"`
	Kind     string         `json:"kind"`
	Expected map[string]any `json:"expected"`
	text     string
}

// wrongExpectation lists samples whose expected facts differ from the output,
// with the reason.
var wrongExpectation = map[string]string{
	"catos/show_flash/001": "nothing in the output says bootflash:; that CatOS calls its flash so is known from elsewhere, and CatOS is not supported",
}

// notRead lists kinds of output of products that we recognise and refuse. Their
// listings are read as far as possible.
func notRead(s sample) bool {
	other := s.OS == "nxos" || s.OS == "asa" || s.OS == "catos"
	return other && (s.Kind == "version" || s.Kind == "boot")
}

func TestCorpus(t *testing.T) {
	samples := readSamples(t, testlevel.DeviceTexts(t, "FLASHWARDEN_CORPUS", "../../../shared/corpus"))
	passed, total := map[string]int{}, map[string]int{}
	for _, s := range samples {
		parts := strings.Split(s.name, "/")
		group := parts[1] + " " + parts[0]
		total[group]++
		if reason, ok := wrongExpectation[s.name]; ok {
			t.Logf("%s: expectation not believed: %s", s.name, reason)
			passed[group]++
			continue
		}
		if problems := check(s); len(problems) == 0 {
			passed[group]++
		} else {
			t.Errorf("%s (%s):\n\t%s", s.name, s.Command, strings.Join(problems, "\n\t"))
		}
	}
	groups := make([]string, 0, len(total))
	for group := range total {
		groups = append(groups, group)
	}
	slices.Sort(groups)
	for _, group := range groups {
		t.Logf("%s %d/%d", group, passed[group], total[group])
	}
}

func readSamples(t *testing.T, directory string) []sample {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*", "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples in %s: %v", directory, err)
	}
	var samples []sample
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s sample
		if err := json.Unmarshal(data, &s); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		text, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Rel(directory, strings.TrimSuffix(file, ".json"))
		s.name, s.text = filepath.ToSlash(name), string(text)
		samples = append(samples, s)
	}
	return samples
}

// check parses the sample and returns every field that differs.
func check(s sample) []string {
	if notRead(s) {
		return checkUnsupported(s)
	}
	var got any
	var err error
	switch s.Kind {
	case "version":
		got, err = jsonOf(ParseVersion(s.text))(versionJSON)
	case "boot":
		got, err = jsonOf(ParseBoot(s.text))(bootJSON)
	case "dir":
		got, err = jsonOf(ParseDir(s.Command, s.text))(listingsJSON)
		if want, refused := s.Expected["error"]; refused && want != nil {
			if err == nil {
				return []string{fmt.Sprintf("no error, want %v", want)}
			}
			return nil
		}
	case "filesystems":
		got, err = jsonOf(ParseFileSystems(s.text))(fileSystemsJSON)
	case "switch":
		got, err = jsonOf(ParseSwitch(s.text))(stackJSON)
	case "inventory":
		got, err = jsonOf(ParseInventory(s.text))(inventoryJSON)
	case "install":
		got, err = jsonOf(ParseInstall(s.text))(installJSON)
	case "acl":
		got, err = jsonOf(ParseAccessLists(s.text))(accessListsJSON)
	case "intbrief":
		got, err = jsonOf(ParseInterfaceBrief(s.text))(interfacesJSON)
	case "runtftp":
		got, err = jsonOf(ParseTFTPConfig(s.text))(tftpConfigJSON)
	case "verify":
		return checkVerify(s)
	case "copy":
		return checkCopy(s)
	default:
		return []string{"kind " + s.Kind + " is not known"}
	}
	if err != nil {
		return []string{"error: " + err.Error()}
	}
	return differences("", s.Expected, got)
}

func checkUnsupported(s sample) []string {
	var err error
	if s.Kind == "version" {
		_, err = ParseVersion(s.text)
	} else {
		_, err = ParseBoot(s.text)
	}
	if cause.Of(err) != cause.UnsupportedDevice {
		return []string{fmt.Sprintf("error %v, want one of unsupported_device", err)}
	}
	return nil
}

func checkVerify(s sample) []string {
	d, err := ParseVerify(s.text)
	want := map[string]any{"file": s.Expected["file"], "digest": nil}
	fields := []string{"cco_md5", "md5"}
	if s.Expected["result"] == "mismatch" {
		fields = append(fields, "computed_md5")
	}
	for _, field := range fields {
		if v, ok := s.Expected[field].(string); ok {
			want["digest"] = strings.ToLower(v)
		}
	}
	problems := differences("", want, map[string]any{"file": text(d.Path), "digest": text(d.MD5)})
	if mismatch := s.Expected["result"] == "mismatch"; mismatch != (err != nil) {
		problems = append(problems, fmt.Sprintf("result %v, error %v", s.Expected["result"], err))
	}
	return problems
}

func checkCopy(s sample) []string {
	r := copyOfCommand(s.Command).Result(s.text)
	got := map[string]any{"ok": r.OK, "bytes": number(r.Bytes), "seconds": r.Seconds, "error": text(r.Error)}
	want := map[string]any{}
	for field := range got {
		want[field] = s.Expected[field]
	}
	return differences("", want, got)
}

// differences compares want with got, level by level, and returns each
// difference.
func differences(at string, want, got any) []string {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			return []string{at + ": no object"}
		}
		var all []string
		for _, key := range slices.Sorted(mapKeys(want)) {
			all = append(all, differences(at+"."+key, want[key], got[key])...)
		}
		return all
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return []string{fmt.Sprintf("%s: got %v, want %v", at, got, want)}
		}
		var all []string
		for i := range want {
			all = append(all, differences(fmt.Sprintf("%s[%d]", at, i), want[i], got[i])...)
		}
		return all
	}
	if got == skip || got == want {
		return nil
	}
	return []string{fmt.Sprintf("%s: got %#v, want %#v", at, got, want)}
}

func mapKeys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

// jsonOf converts the result of a parser to the shape of a sample's facts.
func jsonOf[T any](value T, err error) func(func(T) any) (any, error) {
	return func(convert func(T) any) (any, error) { return convert(value), err }
}

// skip marks a field that is derived from another compared field.
const skip = "\x00skip"

// text and number return JSON's null for a value that was not printed.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func number(n int64) any {
	if n == -1 {
		return nil
	}
	return float64(n)
}

func flag(b *bool) any {
	if b == nil {
		return nil
	}
	return *b
}

func list[T any](items []T, convert func(T) any) []any {
	all := []any{}
	for _, item := range items {
		all = append(all, convert(item))
	}
	return all
}

func versionJSON(v Version) any {
	name := map[string]string{"ios": "IOS", "iosxe": "IOS-XE"}
	return map[string]any{
		"os": name[v.OS], "version": text(v.Version), "xe_version": text(v.XEVersion), "hostname": text(v.Hostname),
		"uptime": text(v.Uptime), "image_file": text(v.ImageFile), "reload_reason": text(v.ReloadReason),
		"last_reload_reason": text(v.LastReloadReason), "model": text(v.Model), "processor_board_id": text(v.ProcessorBoardID),
		"serials": list(v.Serials(), text), "model_numbers": list(v.ModelNumbers, text),
		"config_register": text(v.ConfigRegister), "config_register_next": text(v.ConfigRegisterNext), "mode": text(v.Mode),
		"members": list(v.Members, func(m Member) any {
			return map[string]any{
				"number": float64(m.Number), "model": m.Model, "version": m.Version, "image": m.Image,
				"mode": text(m.Mode), "active": m.Active,
			}
		}),
	}
}

func bootJSON(b Boot) any {
	unit := func(u BootUnit) any {
		return map[string]any{
			"unit": u.Unit, "boot_path": text(u.Path), "boot_files": list(u.Files, text),
			"next_boot_path": text(u.NextPath), "next_boot_files": list(u.NextFiles, text),
			"config_file": text(u.ConfigFile), "private_config_file": text(u.PrivateConfigFile),
			"manual_boot": flag(u.ManualBoot), "enable_break": flag(u.EnableBreak), "boot_mode": text(u.BootMode),
			"config_register": text(u.ConfigRegister), "config_register_next": text(u.ConfigRegisterNext),
		}
	}
	if len(b.Units) == 0 {
		return nil
	}
	return map[string]any{"boot_path": text(b.Units[0].Path), "units": list(b.Units, unit)}
}

func listingsJSON(listings []Listing) any {
	directory := map[EntryType]any{TypeUnknown: nil, TypeFile: false, TypeDirectory: true}
	entry := func(e Entry) any {
		return map[string]any{
			"name": text(e.Name), "size": number(e.Size), "is_dir": directory[e.Type], "permissions": text(e.Permissions),
			"modified": skip, "modified_raw": text(e.Modified), "index": number(int64(e.Index)), "deleted": e.Deleted,
		}
	}
	return map[string]any{"listings": list(listings, func(l Listing) any {
		return map[string]any{
			"filesystem": l.FileSystem, "path": strings.TrimPrefix(l.Path, l.FileSystem), "entries": list(l.Entries, entry),
			"total_bytes": number(l.Total), "free_bytes": number(l.Free), "used_bytes": number(l.Used),
		}
	})}
}

func fileSystemsJSON(systems []FileSystem) any {
	return map[string]any{"file_systems": list(systems, func(f FileSystem) any {
		return map[string]any{
			"prefix": f.Prefixes[0], "prefixes": list(f.Prefixes, text), "type": f.Type,
			"size": number(f.Size), "free": number(f.Free), "flags": f.Flags, "default": f.Default,
		}
	})}
}

func stackJSON(s Stack) any {
	return map[string]any{"stack_mac": text(s.MAC), "switches": list(s.Switches, func(w StackSwitch) any {
		return map[string]any{
			"number": float64(w.Number), "role": w.Role, "state": w.State, "mac": w.MAC,
			"priority": float64(w.Priority), "hw_version": text(w.Hardware), "local": w.Local,
		}
	})}
}

func inventoryJSON(items []InventoryItem) any {
	return map[string]any{"items": list(items, func(i InventoryItem) any {
		return map[string]any{
			"name": i.Name, "descr": i.Description, "pid": text(i.PID), "vid": text(i.VID), "sn": text(i.SN),
		}
	})}
}

func installJSON(i Install) any {
	pkg := func(p InstallPackage) any {
		return map[string]any{"type": p.Type, "state": p.State, "filename_version": p.FilenameVersion}
	}
	return map[string]any{"auto_abort_timer": text(i.AutoAbortTimer), "locations": list(i.Locations, func(l InstallLocation) any {
		return map[string]any{"location": l.Location, "packages": list(l.Packages, pkg)}
	})}
}

func accessListsJSON(lists []AccessList) any {
	entry := func(e AccessListEntry) any {
		return map[string]any{
			"seq": number(int64(e.Sequence)), "action": e.Action, "text": e.Text, "matches": number(e.Matches),
		}
	}
	return map[string]any{"access_lists": list(lists, func(l AccessList) any {
		return map[string]any{
			"name": l.Name, "type": text(l.Type), "family": l.Family, "entries": list(l.Entries, entry),
		}
	})}
}

func interfacesJSON(interfaces []Interface) any {
	return map[string]any{"interfaces": list(interfaces, func(i Interface) any {
		return map[string]any{
			"interface": i.Name, "ip": text(i.Address), "ok": i.OK, "method": i.Method, "status": i.Status, "protocol": i.Protocol,
		}
	})}
}

func tftpConfigJSON(c TFTPConfig) any {
	size := number(int64(c.BlockSize))
	if c.BlockSize == 0 {
		size = nil
	}
	return map[string]any{
		"lines": list(c.Lines, text), "source_interface": text(c.SourceInterface), "blocksize": size, "servers": list(c.Servers, text),
	}
}

// copyOfCommand converts a copy command of a sample to a Copy.
func copyOfCommand(command string) Copy {
	var c Copy
	words := strings.Fields(command)
	var operands []string
	for i := 1; i < len(words); i++ {
		switch {
		case strings.HasPrefix(words[i], "/"):
		case words[i] == "vrf" && i+1 < len(words):
			i++
			c.VRF = words[i]
		default:
			operands = append(operands, words[i])
		}
	}
	if len(operands) < 2 {
		return c
	}
	source, destination := operands[0], operands[1]
	remote := func(s string) bool {
		return strings.HasPrefix(s, "tftp") || strings.HasPrefix(s, "ftp") || strings.HasPrefix(s, "scp") || strings.HasPrefix(s, "xmodem")
	}
	c.ToDevice = remote(source)
	url := destination
	c.Source = source
	if c.ToDevice {
		url, c.Source, c.Destination = source, "", destination
	} else if !remote(destination) {
		c.Destination = destination
	}
	if rest, ok := strings.CutPrefix(url, "tftp://"); ok {
		c.Server, c.Name, _ = strings.Cut(rest, "/")
	}
	return c
}
