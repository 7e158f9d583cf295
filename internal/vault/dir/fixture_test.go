package dir

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// fixture returns a copy of a vault that an earlier version made, with the modes of files that
// git does not keep.
func fixture(t *testing.T, name string) *Store {
	t.Helper()
	from := filepath.Join("../testdata/format-2", name)
	d, err := Open(filepath.Join(t.TempDir(), "vault"))
	if err == nil {
		err = d.Make(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || e.IsDir() {
			return os.MkdirAll(filepath.Join(d.Path(), rel), dirMode)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(d.Path(), rel), data, fileMode)
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestFixture reads a vault that an earlier version made: it is whole, no field of its documents
// is lost, and it can be written and pruned.
func TestFixture(t *testing.T) {
	s := fixture(t, "plain")
	v := vault.New(s)
	wantWhole := func(snapshots int) {
		t.Helper()
		res, err := v.Check(t.Context(), vault.CheckOptions{ReadData: true})
		if err != nil || len(res.Problems) > 0 || res.Snapshots != snapshots {
			t.Fatalf("%+v, error %v; want %d whole snapshots", res, err, snapshots)
		}
	}
	wantWhole(3)
	newest := map[string]api.Snapshot{}
	for d, err := range v.Snapshots(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		wantAllFields(t, s, d)
		full, err := v.Snapshot(t.Context(), d.ID)
		if err != nil || len(full.Listings) == 0 || len(full.Notes) != len(d.Notes) {
			t.Errorf("%s: %d listings, notes %q, error %v", d.ID, len(full.Listings), full.Notes, err)
		}
		newest[d.Device] = full
	}
	next := newest["sw1"]
	next.ID, next.Previous, next.Started = vault.NewID("sw1", time.Now()), next.Document, time.Now()
	if _, err := v.PutSnapshot(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	wantWhole(4)
	res, err := v.Prune(t.Context(), vault.PruneOptions{Retention: api.Retention{Last: 1}, Now: time.Now().AddDate(1, 0, 0)})
	if err != nil || len(res.Removed) != 2 || len(res.Problems) > 0 {
		t.Errorf("%+v, error %v; want two snapshots of sw1 removed", res, err)
	}
	wantWhole(2)
}

// wantAllFields wants every field of the document of a snapshot among those that the vault read.
func wantAllFields(t *testing.T, d *Store, s api.Snapshot) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(d.Path(), vault.SnapshotKey(s.Document)))
	if err != nil {
		t.Fatal(err)
	}
	read, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(read, &got); err != nil {
		t.Fatal(err)
	}
	for _, path := range lacking(want, got, "") {
		t.Errorf("%s: %s was not read", s.ID, path)
	}
}

// lacking returns where a JSON value has not all that another one has.
func lacking(want, got any, at string) (paths []string) {
	switch want := want.(type) {
	case map[string]any:
		fields, _ := got.(map[string]any)
		for name, value := range want {
			paths = append(paths, lacking(value, fields[name], at+"."+name)...)
		}
	case []any:
		values, _ := got.([]any)
		if len(values) != len(want) {
			return []string{at}
		}
		for i := range want {
			paths = append(paths, lacking(want[i], values[i], at+"[]")...)
		}
	default:
		if !reflect.DeepEqual(want, got) {
			paths = []string{strings.TrimPrefix(at, ".")}
		}
	}
	return paths
}
