package dir

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/testlevel"
)

// formatCommands returns the shell commands of docs/vault-format.md.
func formatCommands(t *testing.T) []string {
	t.Helper()
	for _, tool := range []string{"jq", "sha256sum"} {
		if _, err := exec.LookPath(tool); err != nil {
			testlevel.Missing(t, err.Error())
		}
	}
	page, err := os.ReadFile("../../../docs/vault-format.md")
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		commands = append(commands, block[1])
	}
	return commands
}

// TestReadableWithoutUs runs the commands of the documentation on a vault.
func TestReadableWithoutUs(t *testing.T) {
	testlevel.NeedFull(t, "starts a hundred small programs")
	d := newVault(t)
	spool := t.TempDir()
	var s api.Snapshot
	for _, content := range []string{"an image", "another image"} {
		next, err := backupAfter(d, spool, content, s.Document)
		if err != nil {
			t.Fatal(err)
		}
		s = next
	}
	out, target := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	run := func(command string) (string, error) {
		cmd := exec.Command("sh", "-euc", command)
		cmd.Dir = d.dir.Path()
		cmd.Env = append(os.Environ(), "ID="+s.ID, "SUM="+sumOf("an image"), "OUT="+out, "TARGET="+target)
		text, err := cmd.CombinedOutput()
		return string(text), err
	}
	commands := formatCommands(t)
	wants := []string{s.ID, "flash:/x.bin\t13\tdevice-md5\t" + sumOf("another image"), "flash:/<x> & y.bin\t13", "15.0(2)SE8", "", "", "", "", "", ""}
	if len(commands) != len(wants) {
		t.Fatalf("the page has %d blocks of commands; the test knows %d", len(commands), len(wants))
	}
	for i, command := range commands {
		if text, err := run(command); err != nil || !strings.Contains(text, wants[i]) || wants[i] == "" && text != "" {
			t.Errorf("%s\nprinted %q, error %v; want %q", command, text, err, wants[i])
		}
	}
	if data, err := os.ReadFile(filepath.Join(out, "flash__x.bin")); err != nil || string(data) != "another image" {
		t.Errorf("taken out: %q, error %v", data, err)
	}
	elsewhere, err := openKit(target)
	if err != nil {
		t.Fatal(err)
	}
	wantClean(t, elsewhere)
	if _, err := elsewhere.Snapshot(t.Context(), s.ID); err != nil {
		t.Error(err)
	}

	wantError := func(command, want string) {
		t.Helper()
		if text, err := run(command); err == nil || !strings.Contains(text, want) {
			t.Errorf("%s\nprinted %q, error %v; want a failure with %q", command, text, err, want)
		}
	}
	blob := d.blobPath(sumOf("an image"))
	rewrite(t, blob, "an imagE")
	wantError(commands[5], blob[len(d.dir.Path())+1:])
	if err := os.Remove(blob); err != nil {
		t.Fatal(err)
	}
	wantError(commands[7], "is missing or has not 8 bytes")
	rewrite(t, d.snapshotPath(s.Document), "{}")
	wantError(commands[6], s.ID)
	if err := os.Remove(d.snapshotPath(s.Previous)); err != nil {
		t.Fatal(err)
	}
	rewrite(t, d.snapshotPath(s.Document), `{"previous": "`+s.Previous+`", "files": []}`)
	wantError(commands[8], s.Previous+" is lost")
}
