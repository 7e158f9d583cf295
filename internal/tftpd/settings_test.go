package tftpd

import (
	"io/fs"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"flashwarden/tftp"
)

// TestEverySettingCounts checks that each field of Config reaches the field of the same
// name of the Server or of the Dir.
func TestEverySettingCounts(t *testing.T) {
	mode := fs.FileMode(0o640)
	c := Config{
		Create: true, ReadOnly: true, Public: true, Secure: true, Mode: &mode, MaxUpload: 1, Allow: []netip.Prefix{{}}, Refuse: []string{"tsize"},
		Ports: tftp.PortRange{First: 1, Last: 2}, MaxBlockSize: 2, WindowBytes: 3, BufferBytes: 4, MaxTransfers: 5, PerSource: 6,
		Timeout: 7 * time.Second, Log: slog.New(slog.DiscardHandler),
	}
	s := &service{Config: c, journal: newJournal(c.Log)}
	dir := s.directory()
	places := []reflect.Value{reflect.ValueOf(s.server(dir)).Elem(), reflect.ValueOf(dir).Elem()}
	// Run itself uses these.
	own := []string{"Dir", "Conn", "Secure", "MapFile", "Staging", "PIDFile", "User", "Metrics"}
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		name, reached := v.Type().Field(i).Name, false
		if slices.Contains(own, name) {
			continue
		}
		if v.Field(i).IsZero() {
			t.Errorf("%s: set a value in this test", name)
		}
		for _, p := range places {
			f := p.FieldByName(name)
			reached = reached || f.IsValid() && reflect.DeepEqual(f.Interface(), v.Field(i).Interface())
		}
		if !reached {
			t.Errorf("%s has no effect", name)
		}
	}
}
