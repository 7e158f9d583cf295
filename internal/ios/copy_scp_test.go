package ios

import (
	"strings"
	"testing"

	"flashwarden/internal/cause"
)

var secure = Copy{Scheme: SCP, Source: "flash:/d/x.bin", Server: "10.0.0.1", Name: "k3f9-2m7x-q1zz", Password: "0nce-w0rd"}

// TestSCPDialogue answers the questions of a copy to an SCP server, in the words of public
// sessions. The password stands in no command and no error.
func TestSCPDialogue(t *testing.T) {
	vrf, down := secure, secure
	vrf.VRF = "Mgmt-vrf"
	down.ToDevice, down.Destination = true, "flash:/x.bin"
	for want, c := range map[string]Copy{
		"copy flash:/d/x.bin scp://k3f9-2m7x-q1zz@10.0.0.1/k3f9-2m7x-q1zz":              secure,
		"copy flash:/d/x.bin scp://k3f9-2m7x-q1zz@10.0.0.1/k3f9-2m7x-q1zz vrf Mgmt-vrf": vrf,
		"copy scp://k3f9-2m7x-q1zz@10.0.0.1/k3f9-2m7x-q1zz flash:/x.bin":                down,
	} {
		if got := c.Command(); got != want || c.Validate() != nil {
			t.Errorf("%s (%v), want %s", got, c.Validate(), want)
		}
	}
	for _, q := range []struct {
		c                Copy
		question, answer string
		stop             cause.Cause
	}{
		{secure, "Address or name of remote host [10.0.0.1]? ", "10.0.0.1", ""},
		{secure, "Destination username [carl]?", "k3f9-2m7x-q1zz", ""},
		{secure, "Destination filename [k3f9-2m7x-q1zz]? ", "k3f9-2m7x-q1zz", ""},
		{secure, "Writing k3f9-2m7x-q1zz \nPassword:", "0nce-w0rd", ""},
		{secure, "Writing k3f9-2m7x-q1zz Password: ", "0nce-w0rd", ""},
		{down, "Source username [admin]?", "k3f9-2m7x-q1zz", ""},
		{down, "Source filename []?", "k3f9-2m7x-q1zz", ""},
		{down, "Destination filename [x.bin]?", "x.bin", ""},
		{down, "Password:", "0nce-w0rd", ""},
		{backup, "Password:", "", cause.PromptUnrecognised},
		{upload, "Password:", "", cause.PromptUnrecognised},
		{backup, "Destination username [carl]?", "", cause.PromptUnrecognised},
		{secure, "Enable password:", "", cause.PromptUnrecognised},
		{secure, "Erase flash: before copying? [confirm]", "n", cause.UnsafePrompt},
	} {
		answer, err := q.c.Answer(q.question)
		if answer != q.answer || cause.Of(err) != q.stop {
			t.Errorf("%q: %q, %v", q.question, answer, err)
		}
		if err != nil && strings.Contains(err.Error(), secure.Password) {
			t.Errorf("%q: the password is in the error: %v", q.question, err)
		}
	}
}

// TestSCPResult reads the outputs of copies to an SCP server.
func TestSCPResult(t *testing.T) {
	for output, want := range map[string]CopyResult{
		"Writing k3f9-2m7x-q1zz \n\n Sink: C0644 639 k3f9-2m7x-q1zz\n!\n639 bytes copied in 12.066 secs (53 bytes/sec)\n": {Bytes: 639, Seconds: 12.066, OK: true},
		"%Error opening scp://*:*@10.0.0.1/k3f9-2m7x-q1zz (Permission denied)\n":                                          {Bytes: -1, Error: "%Error opening scp://*:*@10.0.0.1/k3f9-2m7x-q1zz (Permission denied)", Cause: cause.RefusedByServer},
		"%Error writing scp://*:*@10.0.0.1/k3f9-2m7x-q1zz (Unknown error -1)\n":                                           {Bytes: -1, Error: "%Error writing scp://*:*@10.0.0.1/k3f9-2m7x-q1zz (Unknown error -1)"},
		"%Error opening scp://*:*@10.0.0.1;Mgmt-vrf//k3f9-2m7x-q1zz (Timed out)\n":                                        {Bytes: -1, Error: "%Error opening scp://*:*@10.0.0.1;Mgmt-vrf//k3f9-2m7x-q1zz (Timed out)"},
		"%Error opening scp://*:*@10.0.0.7/other (Permission denied)\n":                                                   {Bytes: -1},
		"%Error opening flash:/d/x.bin (No such file or directory)\n":                                                     {Bytes: -1, Error: "%Error opening flash:/d/x.bin (No such file or directory)", Cause: cause.SourceMissing},
	} {
		if got := secure.Result(output); got != want {
			t.Errorf("%q:\ngot  %+v\nwant %+v", output, got, want)
		}
	}
}
