package ios

import (
	"strings"
	"testing"

	"flashwarden/internal/cause"
)

// TestHTTPSResult reads the outputs of copies to an HTTPS server. IOS prints *:* in place of the
// user and the password.
func TestHTTPSResult(t *testing.T) {
	for output, want := range map[string]CopyResult{
		"Storing https://*:*@10.0.0.1:8443/k3f9-2m7x-q1zz !!!!\n18286080 bytes copied in 58.989 secs (309991 bytes/sec)\n": {Bytes: 18286080, Seconds: 58.989, OK: true},
		"%Error opening https://*:*@10.0.0.1:8443/k3f9-2m7x-q1zz (I/O error)\n":                                            {Bytes: -1, Error: "%Error opening https://*:*@10.0.0.1:8443/k3f9-2m7x-q1zz (I/O error)"},
		"%Error writing https://*:*@10.0.0.1:8443/k3f9-2m7x-q1zz (Permission denied)\n":                                    {Bytes: -1, Error: "%Error writing https://*:*@10.0.0.1:8443/k3f9-2m7x-q1zz (Permission denied)", Cause: cause.RefusedByServer},
		"%Error opening https://*:*@10.0.0.7:8443/other (Permission denied)\n":                                             {Bytes: -1},
		"%Error opening https://k3f9-2m7x-q1zz:0nce-w0rd@10.0.0.1/k3f9-2m7x-q1zz (Timed out)\n":                            {Bytes: -1, Error: "%Error opening https://k3f9-2m7x-q1zz:***@10.0.0.1/k3f9-2m7x-q1zz (Timed out)"},
		"%Error opening flash:/d/x.bin (No such file or directory)\n":                                                      {Bytes: -1, Error: "%Error opening flash:/d/x.bin (No such file or directory)", Cause: cause.SourceMissing},
		"                ^\n% Invalid input detected at '^' marker.\n":                                                     {Bytes: -1, Error: "% Invalid input detected at '^' marker.", Cause: cause.CommandRejected},
	} {
		if got := upload.Result(output); got != want {
			t.Errorf("%q:\ngot  %+v\nwant %+v", output, got, want)
		}
	}
	long := upload
	long.Source = "flash:/" + strings.Repeat("a", 240)
	if err := long.Validate(); err == nil || strings.Contains(err.Error(), long.Password) {
		t.Errorf("a line that is too long: %v", err)
	}
}
