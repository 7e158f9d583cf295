package httpapi_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/api/client"
	"flashwarden/internal/testlevel"
)

// TestCurlOfTheDocs types every curl line of docs/api.md, in its order, at a service that has
// what they name.
func TestCurlOfTheDocs(t *testing.T) {
	t.Parallel()
	testlevel.NeedFull(t, "TestAccess sends the same requests")
	if _, err := exec.LookPath("curl"); err != nil {
		testlevel.Missing(t, "curl")
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	h := newFullHouse(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "grafana-token"), []byte(h.tokens[api.RoleAdmin]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, done, err := client.SocketPath(h.data)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	known := map[string]string{"http://127.0.0.1:8480": h.url, "/var/lib/flashwarden/flashwarden.sock": socket, "sw1": "core1", "c3750-ipservicesk9-mz.150-2.SE8.bin": h.names.Replace("IMAGE"),
		"JOB": h.names.Replace("JOB-core1"), `"…"`: h.tag(t, "/api/v1/devices/core1"), "PLAN": "?", "DIGEST": "?", "OFFER": "?"}
	lines := 0
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "curl ") {
			continue
		}
		lines++
		status, answer := curl(t, dir, h.tokens[api.RoleAdmin], line, known)
		if !strings.HasPrefix(status, "2") {
			t.Errorf("%s%s %s", line, status, answer)
		}
		var made struct{ ID, Digest string }
		if json.Unmarshal([]byte(answer), &made) == nil && strings.Contains(line, " -d ") {
			known["PLAN"], known["OFFER"], known["DIGEST"] = made.ID, made.ID, made.Digest
			if strings.Contains(line, "/receptions") {
				known["OFFER"] = h.firstOffer(t)
			}
		}
	}
	if lines < 15 {
		t.Errorf("the page has %d lines with curl", lines)
	}
}

// curl types a line, with what the service has in place of the examples.
func curl(t *testing.T, dir, secret, line string, known map[string]string) (status, answer string) {
	t.Helper()
	line, _, _ = strings.Cut(strings.TrimSpace(line), "  #")
	for example, real := range known {
		line = strings.ReplaceAll(line, example, real)
	}
	limit := "60"
	if strings.Contains(line, "/events") { // some streams do not end
		limit = "2"
	}
	line = strings.Replace(line, "curl -i ", "curl ", 1) + " -s -o answer -w '%{http_code}' --max-time " + limit
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "AUTH=Authorization: Bearer "+secret)
	out, err := cmd.Output()
	if err != nil && limit == "60" {
		t.Errorf("%s: %v", line, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "answer"))
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return string(out), string(text)
}

// firstOffer is the ID of an offer that is open.
func (h *fullHouse) firstOffer(t *testing.T) string {
	t.Helper()
	offers, err := h.l.Offers(h.admin)
	if err != nil || len(offers) == 0 {
		t.Fatalf("%+v, error %v", offers, err)
	}
	return offers[0].ID
}
