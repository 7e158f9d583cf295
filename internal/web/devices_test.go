package web_test

import (
	"bytes"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"flashwarden/api"
)

// TestDeviceForms adds a device and changes one. A password that the form leaves out stays, and
// no page shows one.
func TestDeviceForms(t *testing.T) {
	a := full("sw1")
	a.device.Fingerprint, a.device.Password = "ssh-ed25519 SHA256:x", true
	h := page(a, api.RoleAdmin, false)
	form := url.Values{"name": {" sw9 "}, "address": {"192.0.2.9"}, "transport": {"ssh"}, "username": {"backup"}, "password": {"secret word"}, "site": {"hq"}, "legacy_crypto": {"yes"}}
	if resp, _ := post(t, h, "/add-device", form); resp.Header.Get("Location") != "/devices/sw9?done=add" {
		t.Errorf("add: %s to %q", resp.Status, resp.Header.Get("Location"))
	}
	_, body := get(t, h, "/devices/sw1/edit")
	seen := seenIn(body)
	if seen == "" || !strings.Contains(body, "one is stored") || !strings.Contains(body, "<option selected>sw1</option>") {
		t.Fatalf("the form:\n%s", body)
	}
	change := url.Values{"seen": {seen}, "address": {"192.0.2.10"}, "transport": {"telnet"}, "group": {"core"}}
	if resp, _ := post(t, h, "/devices/sw1/edit", change); resp.Header.Get("Location") != "/devices/sw1?done=edit" {
		t.Errorf("edit: %s to %q", resp.Status, resp.Header.Get("Location"))
	}
	if len(a.changed) != 2 || a.changed[0].Device.Name != "sw9" || *a.changed[0].Password != "secret word" || a.changed[0].EnablePassword != nil || !a.changed[0].Device.LegacyCrypto {
		t.Fatalf("changed %+v", a.changed)
	}
	if d := a.changed[1]; d.Password != nil || d.Device.Name != "sw1" || d.Device.Address != "192.0.2.10" || d.Device.Group != "core" || d.Device.Site != "" || d.Device.Fingerprint != a.device.Fingerprint || d.Device.LegacyCrypto {
		t.Errorf("changed %+v", d)
	}
	a.device.Site = "elsewhere" // somebody else has changed it
	if resp, body := post(t, h, "/devices/sw1/edit", change); resp.StatusCode != 409 || !strings.Contains(body, "open the form again") || len(a.changed) != 2 {
		t.Errorf("an old form: %s\n%s", resp.Status, body)
	}
}

// TestLongList: a list of nearly 2 MB can be looked at and then imported, as the browser sends it.
func TestLongList(t *testing.T) {
	a := full("sw1")
	h := page(a, api.RoleAdmin, false)
	var text strings.Builder
	text.WriteString("name,address,site,group\n")
	for i := 0; text.Len() < mostOfList; i++ {
		fmt.Fprintf(&text, "switch-%05d,192.0.2.9,hq,%s\n", i, strings.Repeat("g", 64))
	}
	list := text.String()
	_, body := send(t, h, listForm(t, "/import/check", list, ""))
	action := regexp.MustCompile(`<form method="post" action="/import" enctype="multipart/form-data"`).FindString(body)
	if action == "" || len(body) < len(list) {
		t.Fatalf("no form to agree in a page of %d bytes", len(body))
	}
	resp, _ := send(t, h, listForm(t, "/import", strings.ReplaceAll(list, "\n", "\r\n"), seenIn(body)))
	if resp.Header.Get("Location") != "/?done=import" || len(a.imported) != 3 || len(a.imported[0].Entries) != len(a.imported[2].Entries) {
		t.Errorf("%s, imported %d times", resp.Status, len(a.imported))
	}
}

// mostOfList is the largest list that docs/web.md and the page promise to take.
const mostOfList = 2_000_000

// seenIn returns the version of what a form shows.
func seenIn(body string) string {
	m := regexp.MustCompile(`name="seen" value="([0-9a-f]{16})"`).FindStringSubmatch(body)
	if m == nil {
		return ""
	}
	return m[1]
}

// listForm is the form of a list as text, as a browser sends it.
func listForm(t *testing.T, path, list, seen string) *http.Request {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	if err := errors.Join(w.WriteField("seen", seen), w.WriteField("list", list), w.Close()); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", path, &form)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}

// TestImport shows what a list would change, and then imports it. A list with passwords is
// refused: the page would show them.
func TestImport(t *testing.T) {
	a := full("sw1")
	h := page(a, api.RoleAdmin, false)
	const list = "name,address,site,colour\nsw9,192.0.2.9,hq,red\n"
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	file, err := w.CreateFormFile("file", "list.csv")
	if err == nil {
		_, err = file.Write([]byte(list))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/import/check", &form)
	r.Header.Set("Content-Type", w.FormDataContentType())
	resp, body := send(t, h, r)
	for _, want := range []string{"+ added", "site hq", "3 unchanged", "Ignored columns: colour", "sw9,192.0.2.9,hq,red\n</textarea>"} {
		if resp.StatusCode != 200 || !strings.Contains(body, want) {
			t.Errorf("%s, no %q in\n%s", resp.Status, want, body)
		}
	}
	agreed := url.Values{"list": {list}, "seen": {seenIn(body)}}
	if resp, _ := post(t, h, "/import", agreed); resp.Header.Get("Location") != "/?done=import" {
		t.Errorf("import: %s to %q", resp.Status, resp.Header.Get("Location"))
	}
	last := a.imported[len(a.imported)-1]
	if len(a.imported) != 3 || !a.imported[0].DryRun || last.DryRun || last.Prune || len(last.Entries) != 1 || last.Entries[0].Name != "sw9" {
		t.Errorf("imported %+v", a.imported)
	}
	a.oldSite = "depot" // somebody else has changed it
	for _, old := range []url.Values{agreed, {"list": {list}}} {
		resp, body := post(t, h, "/import", old)
		if resp.StatusCode != 409 || !strings.Contains(body, "nothing was imported") || !a.imported[len(a.imported)-1].DryRun {
			t.Errorf("a list that would change something else: %s\n%s", resp.Status, body)
		}
	}
	a.imported = nil
	for _, path := range []string{"/import/check", "/import"} {
		resp, body := post(t, h, path, url.Values{"list": {"name,address,password\nsw9,192.0.2.9,secret word\n"}})
		if resp.StatusCode != 400 || strings.Contains(body, "secret word") || !strings.Contains(body, "line 2 has a password") {
			t.Errorf("%s with a password: %s\n%s", path, resp.Status, body)
		}
		resp, body = post(t, h, path, url.Values{"list": {strings.Repeat("x", 3<<20)}})
		if resp.StatusCode != 400 || !strings.Contains(body, "flashwarden device import FILE") {
			t.Errorf("%s with 3 MB: %s\n%s", path, resp.Status, body)
		}
	}
	if len(a.imported) != 0 {
		t.Errorf("imported %+v", a.imported)
	}
}
