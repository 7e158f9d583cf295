package catalogtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/internal/catalog"
)

// noticeTests is the part of the suite about notices.
var noticeTests = []suiteTest{
	{"Notices", testNotices},
	{"ManyNotices", testManyNotices},
}

// wantNotices compares the notices of a catalog.
func wantNotices(t *testing.T, c catalog.Catalog, want ...catalog.Notice) {
	t.Helper()
	got, err := c.Notices(t.Context())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, want(-) got(+):\n%s", err, diff)
	}
}

func changeNotices(t *testing.T, c catalog.Catalog, put, forget []catalog.Notice) {
	t.Helper()
	if err := c.ChangeNotices(t.Context(), put, forget); err != nil {
		t.Fatal(err)
	}
}

// testNotices enters, replaces and forgets the messages that targets got.
func testNotices(t *testing.T, create New) {
	c := empty(t, create)
	wantNotices(t, c)
	changeNotices(t, c, nil, nil)
	at := epoch.Add(1234 * time.Millisecond)
	first := catalog.Notice{Target: "mail", Event: "failed", Subject: "sw1", Began: at}
	other := catalog.Notice{Target: "chat", Event: "failed", Subject: "sw1", Began: at}
	changeNotices(t, c, []catalog.Notice{first, other}, nil)
	wantNotices(t, c, other, first)
	first.Sent = at.Add(time.Second)
	changeNotices(t, c, []catalog.Notice{first}, []catalog.Notice{other})
	wantNotices(t, c, first)
	first.Ended = at.Add(time.Minute)
	changeNotices(t, c, []catalog.Notice{first}, []catalog.Notice{other})
	wantNotices(t, c, first)
	first.Ended = time.Time{}
	changeNotices(t, c, []catalog.Notice{first}, nil)
	wantNotices(t, c, first)
}

// testManyNotices changes more than one statement does.
func testManyNotices(t *testing.T, create New) {
	c := empty(t, create)
	var all []catalog.Notice
	for i := range 1_201 {
		all = append(all, catalog.Notice{Target: "mail", Event: "failed", Subject: fmt.Sprintf("sw%04d", i), Began: epoch})
	}
	changeNotices(t, c, all, nil)
	wantNotices(t, c, all...)
	changeNotices(t, c, nil, all[1:])
	wantNotices(t, c, all[0])
}
