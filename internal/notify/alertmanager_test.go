package notify

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
	"flashwarden/internal/testlevel"
)

// startAlertmanager starts Debian's Alertmanager, and returns its URL.
func startAlertmanager(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		testlevel.Missing(t, "prometheus-alertmanager is not installed")
	}
	conf := writeFile(t, "am.yml", "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
	cmd := exec.CommandContext(t.Context(), path, "--config.file="+conf, "--storage.path="+t.TempDir(), "--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")
	log, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	listening := regexp.MustCompile(`address=(127\.0\.0\.1:[1-9][0-9]*)`)
	found := make(chan string, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case found <- m[1]:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-done
		cmd.Wait()
	})
	select {
	case address := <-found:
		return "http://" + address
	case <-done:
		t.Fatal("Alertmanager ended")
	case <-time.After(time.Minute):
		t.Fatal("Alertmanager does not listen")
	}
	return ""
}

// activeAlerts returns the alerts that hold, as NAME OF-WHAT.
func activeAlerts(t *testing.T, url string) (all []string) {
	t.Helper()
	resp, err := http.Get(url + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	var list []struct {
		Labels, Annotations map[string]string
	}
	if err == nil {
		err = json.Unmarshal(body, &list)
	}
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, a := range list {
		all = append(all, a.Labels["alertname"]+" "+a.Labels["device"]+a.Labels["subject"])
		if a.Annotations["summary"] == "" {
			t.Errorf("%+v has no summary", a)
		}
	}
	slices.Sort(all)
	return all
}

// TestAlertmanager has conditions begin and end in a real Alertmanager.
func TestAlertmanager(t *testing.T) {
	url := startAlertmanager(t)
	f := &fleet{failing: []string{"sw1", "sw2"}, late: true, turns: []Turn{{Busy: true}}}
	c := config.Notify{Name: "am", Type: config.Alertmanager, URL: url + "/", On: []string{api.NotifyFailed, api.NotifyCareFailed}}
	r := f.runner(c)
	r.Send = Sender{Within: time.Minute}.Send
	for _, step := range []struct {
		failing []string
		late    bool
		want    []string
	}{
		{[]string{"sw1", "sw2"}, true, []string{"FlashwardenBackupFailed sw1", "FlashwardenBackupFailed sw2", "FlashwardenCareFailed prune"}},
		{[]string{"sw1", "sw2"}, true, []string{"FlashwardenBackupFailed sw1", "FlashwardenBackupFailed sw2", "FlashwardenCareFailed prune"}},
		{[]string{"sw2"}, false, []string{"FlashwardenBackupFailed sw2"}},
		{nil, false, nil},
	} {
		f.failing, f.late = step.failing, step.late
		if err := r.Turn(t.Context()); err != nil {
			t.Fatal(err)
		}
		// An alert that has ended may be shown until the next second.
		for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			got := activeAlerts(t, url)
			if slices.Equal(got, step.want) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("alerts %q, want %q", got, step.want)
			}
		}
	}
	if left, err := f.Notices(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("left over: %+v", left)
	}
	if err := (Sender{}).Send(t.Context(), c, Test(c, "nms", time.Now())); err != nil {
		t.Error(err)
	}
	c.URL = url + "/elsewhere"
	wantError(t, (Sender{}).Send(t.Context(), c, Test(c, "nms", time.Now())), "refuses the message (404", "notify.url")
}

// TestAlertsAreRepeated sends what holds again and again, in requests of bounded size, and
// remembers it once.
func TestAlertsAreRepeated(t *testing.T) {
	var before []catalog.Notice
	v := View{Time: time.Now(), Zone: time.UTC, Known: map[string]bool{}}
	for i := range 1_201 {
		name := fmt.Sprintf("sw%d", i)
		v.Known[name] = true
		v.Conditions = append(v.Conditions, api.NotifyItem{Event: api.NotifyAtRisk, Subject: name, Device: name})
	}
	c := config.Notify{Name: "am", Type: config.Alertmanager, On: []string{api.NotifyAtRisk}}
	d := decide(c, before, v)
	if len(d.messages) != 1 || len(d.messages[0].items) != 1_201 || len(d.messages[0].put) != 1_201 {
		t.Fatalf("%d messages", len(d.messages))
	}
	before = d.messages[0].put
	d = decide(c, before, v)
	if len(d.put)+len(d.forget) != 0 || len(d.messages) != 1 || len(d.messages[0].items) != 1_201 || len(d.messages[0].put) != 0 {
		t.Errorf("the second time: %d put, %d messages", len(d.put), len(d.messages))
	}
}
