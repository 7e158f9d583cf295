package warden

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
)

// newLocal returns a Local on a data directory with an empty catalog, and its log.
func newLocal(t *testing.T) (l *Local, dir string, log *bytes.Buffer) {
	t.Helper()
	l, dir, log = newLocalWithoutData(t)
	sqlitetest.Create(t, filepath.Join(dir, "catalog.db"))
	return l, dir, log
}

// newLocalWithoutData returns a Local on a data directory that does not exist yet, and
// its log.
func newLocalWithoutData(t *testing.T) (l *Local, dir string, log *bytes.Buffer) {
	t.Helper()
	cfg, err := config.Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	log = new(bytes.Buffer)
	dir = filepath.Join(t.TempDir(), "data")
	l = New(Options{Data: dir, Config: cfg, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	t.Cleanup(func() { l.Close() })
	return l, dir, log
}

// TestNobodyMayDoAnything runs every operation without an actor, with a request
// that is otherwise in order: it is refused, and nothing is created.
func TestNobodyMayDoAnything(t *testing.T) {
	l, dir, _ := newLocalWithoutData(t)
	requests := map[string]any{
		"Backup": api.Backup{All: true}, "Firewall": api.Firewall{Format: "nft"}, "AddJobs": api.NewJobs{Kind: api.JobBackup, Backup: api.Backup{All: true}},
		"Offer":   api.Offer{Image: "x", To: "192.0.2.1", For: 1, Times: 1},
		"Receive": api.Receive{From: "192.0.2.1", For: 1},
		"AddUser": api.UserChange{Name: "x", Role: api.RoleAdmin, Password: "long enough"}, "EditUser": api.UserChange{Name: "x", Role: api.RoleAdmin},
		"SetCredential": api.CredentialChange{Name: "x", Password: &api.Secret{Text: "y"}},
		"AddToken":      api.NewToken{Name: "x", Role: api.RoleAdmin},
		"AddPlan":       api.NewPlan{Kind: api.JobRestore, Restore: api.Restore{Device: "sw1"}},
	}
	all := reflect.TypeFor[Warden]()
	for i := range all.NumMethod() {
		name := all.Method(i).Name
		if name == "Close" {
			continue
		}
		method := reflect.ValueOf(l).MethodByName(name)
		args := []reflect.Value{reflect.ValueOf(context.Background())}
		for j := 1; j < method.Type().NumIn(); j++ {
			arg := reflect.Zero(method.Type().In(j))
			if r := requests[name]; r != nil && j == 1 {
				arg = reflect.ValueOf(r)
			}
			args = append(args, arg)
		}
		out := method.Call(args)
		err, _ := out[len(out)-1].Interface().(error)
		if p := AsProblem(err); p == nil || p.Exit != api.ExitRefused || len(p.Fix) == 0 {
			t.Errorf("%s: %v; want it refused, with a next step", name, err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the data directory: %v; want none", err)
	}
}

func TestRoles(t *testing.T) {
	l, _, _ := newLocal(t)
	roles := []api.Role{"", api.RoleViewer, api.RoleOperator, api.RoleAdmin, "root"}
	for i, has := range roles {
		for j, needs := range roles {
			err := l.allow(As(t.Context(), Actor{Name: "x", Role: has}), need{role: needs}, "do it")
			if (err == nil) != (1 <= j && j <= i && i <= 3) {
				t.Errorf("role %q, need %q: %v", has, needs, err)
			}
		}
	}
}

// TestNoSecretInTheLog adds a device with secrets: the log says who did it, and
// has no secret.
func TestNoSecretInTheLog(t *testing.T) {
	l, _, log := newLocal(t)
	ctx := As(t.Context(), Admin("ann", "socket"))
	password, enable := "s3cret-Login", "s3cret-Enable"
	change := api.DeviceChange{Device: api.Device{Name: "sw1", Address: "192.0.2.1", Transport: api.SSH, Username: "backup"}, Password: &password, EnablePassword: &enable}
	if _, err := l.AddDevice(ctx, change); err != nil {
		t.Fatal(err)
	}
	if _, err := l.EditDevice(ctx, change); err != nil {
		t.Fatal(err)
	}
	if _, err := l.AddDevice(ctx, change); AsProblem(err).Exit != api.ExitUsage {
		t.Errorf("the same device again: %v", err)
	}
	if text := log.String(); strings.Contains(text, "s3cret") || strings.Count(text, "user=ann from=socket") != 3 {
		t.Errorf("the log:\n%s", text)
	}
}

// TestClosed runs operations after Close: they open nothing again.
func TestClosed(t *testing.T) {
	l, _, _ := newLocal(t)
	ctx := As(t.Context(), Admin("ann", "terminal"))
	device := api.Device{Name: "sw1", Address: "192.0.2.1", Transport: api.SSH, Username: "backup"}
	if _, err := l.AddDevice(ctx, api.DeviceChange{Device: device, Password: &device.Name}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Devices(ctx, api.Select{}); err == nil {
		t.Error("an operation after Close")
	}
	if _, err := l.Rules(ctx); err == nil {
		t.Error("TFTP is served after Close")
	}
	if err := l.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}

// TestNamesCreateNothing completes names where there is no data directory.
func TestNamesCreateNothing(t *testing.T) {
	l, dir, _ := newLocalWithoutData(t)
	names, err := l.Names(As(t.Context(), Admin("ann", "terminal")), api.Names{Kind: api.NamesOfDevices})
	if err != nil || len(names) != 0 {
		t.Errorf("%q, %v", names, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the data directory: %v; want none", err)
	}
}

func TestAsProblem(t *testing.T) {
	field := wrongField("to", "%q: wrong", "x")
	device := fmt.Errorf("add: %w", api.ErrInvalidDevice)
	stall := cause.New(cause.Stalled, "stalled", api.Say("look"))
	for _, test := range []struct {
		err  error
		want api.Problem
	}{
		{field, *field},
		{errors.Join(field, nil), *field},
		{device, api.Problem{Detail: device.Error(), Exit: api.ExitUsage}},
		{catalog.ErrExists, api.Problem{Detail: catalog.ErrExists.Error(), Exit: api.ExitUsage}},
		{catalog.ErrNotFound, api.Problem{Detail: catalog.ErrNotFound.Error(), Exit: api.ExitUnknown}},
		{stall, api.Problem{Cause: cause.Stalled, Detail: "stalled", Fix: api.Say("look"), Exit: api.ExitError}},
		{errors.Join(unknown(api.Say("look"), "no device"), errors.New("close: disk full")), api.Problem{Detail: "no device\nclose: disk full", Fix: api.Say("look"), Exit: api.ExitUnknown}},
		{fmt.Errorf("plan: %w", field), api.Problem{Detail: "plan: to \"x\": wrong", Exit: api.ExitUsage}},
	} {
		got := *AsProblem(test.err)
		if got.Err == nil {
			t.Errorf("%v: its error is lost", test.err)
		}
		got.Err, test.want.Err = nil, nil
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v: %+v; want %+v", test.err, got, test.want)
		}
		if got.Error() != test.err.Error() {
			t.Errorf("%q became %q", test.err, got.Error())
		}
	}
	if AsProblem(nil) != nil {
		t.Error("a problem of nil")
	}
}

// TestOptionsBesideReload has operations read the configuration while it is replaced: the race
// detector sees a read without the lock.
func TestOptionsBesideReload(t *testing.T) {
	l, _, _ := opened(t)
	within := l.config().Protect.Within
	var reload sync.WaitGroup
	reload.Go(func() {
		c := l.config()
		c.Protect.Within++
		l.Reconfigure(c)
	})
	if got := l.nodeOptions().Config.Protect.Within; got != within && got != within+1 {
		t.Errorf("protect.within is %s in place of %s or one more", got, within)
	}
	reload.Wait()
	if got := l.nodeOptions().Config.Protect.Within; got != within+1 {
		t.Errorf("protect.within is %s after the reload, want %s", got, within+1)
	}
}
