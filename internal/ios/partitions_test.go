package ios

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPartitions reads show flash of a router whose flash has two partitions,
// in the form of the Cisco IOS Configuration Fundamentals Command Reference. A
// file of one partition is not one of the other.
func TestPartitions(t *testing.T) {
	const text = "\nSystem flash directory, partition 1:\nFile  Length   Name/status\n  1   3459720  master/igs-bfpx.100-4.3\n  2   850  same\n" +
		"[3459784 bytes used, 734520 available, 4194304 total]\n4096K bytes of processor board System flash (Read ONLY)\n\n" +
		"System flash directory, partition 2:\nFile  Length   Name/status\n  1   900  same\n[964 bytes used, 4193340 available, 4194304 total]\n" +
		"4096K bytes of processor board System flash (Read/Write)\n\n"
	listings, err := ParseDir("show flash", text)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range listings {
		for _, e := range l.Entries {
			got = append(got, l.FileSystem+" "+l.FilePath(e))
		}
	}
	want := []string{"flash:1: flash:1:master/igs-bfpx.100-4.3", "flash:1: flash:1:same", "flash:2: flash:2:same"}
	if d := cmp.Diff(want, got); d != "" || listings[0].Free != 734520 || listings[1].Free != 4193340 {
		t.Errorf("%s; %+v", d, listings)
	}
	for path, want := range map[string]string{"flash:2:x": "flash:2:x", "flash:2:/x": "flash:2:x", "flash:2x": "flash:/2x", "flash:2:d//x": "flash:2:d/x"} {
		if got := CleanPath(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// TestCopyOfAPartition answers the questions about a file in a partition.
func TestCopyOfAPartition(t *testing.T) {
	c := Copy{Source: "flash:2:same", Server: "10.0.0.1", Name: "ticket"}
	if err := c.Validate(); err != nil || c.Command() != "copy flash:2:same tftp://10.0.0.1/ticket" {
		t.Errorf("%s, %v", c.Command(), err)
	}
	for question, want := range map[string]string{"Which partition? [default = 1]": "2", "Source filename [same]?": "same"} {
		if got, err := c.Answer(question); got != want || err != nil {
			t.Errorf("%s: %q, %v", question, got, err)
		}
	}
	c.Source = "flash:same"
	if got, err := c.Answer("Which partition? [default = 1]"); got != "" || err != nil {
		t.Errorf("the default: %q, %v", got, err)
	}
}
