package api_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"flashwarden/api"
)

// TestDocumentedFields: the fields that programs outside rely on are in each document, also where
// they are empty. md5, sha256, evidence and proved_at are those of a file that has them.
func TestDocumentedFields(t *testing.T) {
	whole := api.File{MD5: "m", SHA256: "s", Evidence: api.EvidenceCarried, ProvedAt: time.Unix(1, 0), Cause: api.Cancelled, Message: "m", Hint: "h"}
	result := []string{"device", "status", "cause", "message", "hint", "attempts", "snapshot", "started", "seconds", "bytes_copied", "facts", "files"}
	for name, test := range map[string]struct {
		value any
		want  []string
	}{
		"backup":        {api.BackupResult{}, result},
		"facts":         {api.Facts{}, []string{"hostname", "os", "version", "model", "serial", "mode", "image"}},
		"file":          {api.File{}, []string{"path", "kind", "size", "copied"}},
		"a whole file":  {whole, []string{"path", "kind", "size", "md5", "sha256", "copied", "evidence", "proved_at", "cause", "message", "hint"}},
		"restore":       {api.RestoreResult{}, []string{"device", "status", "cause", "message", "hint", "files"}},
		"check":         {api.CheckResult{}, []string{"ok", "problems"}},
		"finding":       {api.Finding{}, []string{"cause", "seen", "fix"}},
		"status":        {api.Status{}, []string{"devices", "summary"}},
		"device status": {api.DeviceStatus{}, []string{"device", "protected", "reasons", "last_snapshot", "last_look", "image", "next_run"}},
		"job":           {api.Job{}, []string{"id", "device", "state"}},
		"plan":          {api.Plan{}, []string{"steps", "digest"}},
	} {
		text, err := json.Marshal(test.value)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
		for _, want := range test.want {
			if _, ok := fields[want]; !ok {
				t.Errorf("%s has no field %q, but %q", name, want, slices.Sorted(maps.Keys(fields)))
			}
		}
	}
}

// TestDocumentedValues: programs outside branch on these words.
func TestDocumentedValues(t *testing.T) {
	for name, test := range map[string]struct{ got, want []string }{
		"status": {[]string{api.StatusOK, api.StatusIncomplete, api.StatusFailed, api.StatusUnchanged}, []string{"ok", "incomplete", "failed", "unchanged"}},
		"kind": {[]string{api.KindImage, api.KindPackage, api.KindBootPointer, api.KindConfig, api.KindVLAN, api.KindOther},
			[]string{"image", "package", "boot-pointer", "config", "vlan", "other"}},
		"evidence": {[]string{api.EvidenceMD5, api.EvidenceSHA512, api.EvidenceSize, api.EvidenceCarried}, []string{"device-md5", "device-sha512", "size-only", "carried"}},
		"files":    {[]string{string(api.PolicyImage), string(api.PolicyRebuild), string(api.PolicyAll)}, []string{"image", "rebuild", "all"}},
		"state": {[]string{api.JobQueued, api.JobRunning, api.JobRetrying, api.JobDone, api.JobFailed, api.JobCancelled, api.JobInterrupted},
			[]string{"queued", "running", "retrying", "done", "failed", "cancelled", "interrupted"}},
		"role": {[]string{string(api.RoleViewer), string(api.RoleOperator), string(api.RoleAdmin)}, []string{"viewer", "operator", "admin"}},
	} {
		if !slices.Equal(test.got, test.want) {
			t.Errorf("%s: %q, want %q", name, test.got, test.want)
		}
	}
}
