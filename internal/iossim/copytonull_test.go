package iossim

import (
	"strings"
	"testing"

	"flashwarden/internal/testlevel"
)

// A switch shows its configured access lists, and where they apply.
func TestShowsAccessLists(t *testing.T) {
	t.Parallel()
	s := launch(t, "c3750", Options{Hostname: "sw1", AccessGroup: "FROM in", Texts: map[string]string{"show_access_lists": "Extended IP access list FROM\n    10 deny udp any any\n"}})
	l := atPrompt(t, s)
	if out := l.run("show access-lists", "sw1#"); !strings.Contains(out, "10 deny udp any any") {
		t.Error(out)
	}
	if out := l.run("show running-config | include ^interface Vlan|access-group", "sw1#"); !strings.Contains(out, "interface Vlan1") || !strings.Contains(out, " ip access-group FROM in") {
		t.Error(out)
	}
}

// A copy to null: is transferred and then discarded.
func TestCopyNowhere(t *testing.T) {
	testlevel.NeedFull(t, "the tests of restore use it")
	t.Parallel()
	st := serveTFTP(t, 0)
	st.put("big", make([]byte, 1<<20)) // more than its flash holds
	s := launch(t, "c3750", Options{Hostname: "sw1", TFTPPort: st.port, LargestImage: 100_000, FlashSize: 500_000})
	before := len(s.Files())
	out := atPrompt(t, s).run("copy tftp://127.0.0.1/big null:", "sw1#")
	if !strings.Contains(out, "1048576 bytes copied") || len(s.Files()) != before {
		t.Errorf("%d files, %s", len(s.Files()), out)
	}
}
