package iossim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
)

// image is a large file of each profile.
var image = map[string]string{
	"c3500xl":     "flash:/c3500xl-c3h2s-mz.120-5.WC10.bin",
	"c3750":       "flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin",
	"c3750-stack": "flash2:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin",
	"c9300":       "flash:/cat9k-espbase.17.09.04a.SPA.pkg",
}

// Every file of every profile arrives unchanged, and the terminal prints its
// size. The backup of each profile in package node copies images of their real sizes.
func TestCopyOut(t *testing.T) {
	t.Parallel()
	for _, profile := range Profiles() {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			st := serveTFTP(t, 0)
			s := launch(t, profile, Options{TFTPPort: st.port, LargestImage: testlevel.Of[int64](300_000, 300_000, 0), InsecureMode: true,
				Timeout: time.Hour}) // on a busy machine, too, no packet is sent again and gets its dot
			l := atPrompt(t, s)
			if s.profile.can(oldCopy) {
				t.Skip("TestOldCopy asks its questions")
			}
			for i, path := range []string{systemImage(s), "nvram:/startup-config"} {
				name := fmt.Sprintf("file-%d", i)
				l.send("copy " + path + " tftp://127.0.0.1/" + name + "\r")
				if s.profile.AsksSource {
					l.expect("Source filename [" + path[strings.IndexByte(path, ':')+2:] + "]? ")
					l.send("\r")
				}
				l.expect("Address or name of remote host [127.0.0.1]? ")
				l.send("\r")
				l.expect("Destination filename [" + name + "]? ")
				l.send("\r")
				out := l.expect(s.Hostname() + "#")
				want, _ := s.File(path)
				got, _ := st.file(name)
				if !bytes.Equal(got, want) {
					t.Errorf("%s: %d bytes arrived that differ from its %d", path, len(got), len(want))
				}
				if !strings.Contains(out, fmt.Sprintf("!!\r\n%d bytes copied in ", len(want))) {
					t.Errorf("%s: the terminal said\n%s", path, out)
				}
				if marks := strings.Count(out, "!"); int64(marks) != max(2, int64(len(want))/markSize(s)) {
					t.Errorf("%s: %d marks for %d bytes", path, marks, len(want))
				}
			}
			for _, tr := range s.Transfers() {
				want, _ := s.File(tr.Path)
				if tr.Op != tftp.Write || tr.Err != nil || tr.Code != -1 || tr.Bytes != int64(len(want)) {
					t.Errorf("transfer recorded as %+v", tr)
				}
			}
		})
	}
}

// systemImage returns the path of a switch's image, or of its largest file.
func systemImage(s *Switch) string {
	if path, ok := image[s.profile.name]; ok {
		return path
	}
	largest, most := "", int64(0)
	for _, path := range s.Files() {
		if f, err := s.flash.lookup(path); err == nil && f.size > most {
			largest, most = path, f.size
		}
	}
	return largest
}

func markSize(s *Switch) int64 {
	return (&copying{session: &session{dialogue: dialogue{sw: s}}}).markBytes()
}

func TestCopyOutInLongForm(t *testing.T) {
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "c3750", Options{TFTPPort: st.port})
	l := atPrompt(t, s)
	l.send("copy run tftp\r")
	l.expect("Address or name of remote host []? ")
	l.send("127.0.0.1\r")
	l.expect("Destination filename [sw-office-confg]? ")
	l.send("mine\r")
	l.expect("bytes copied")
	if _, ok := st.file("mine"); !ok {
		t.Error("the running-config did not arrive")
	}
	l.expect("#")
	l.send("copy flash: tftp:\r")
	l.expect("Source filename []? ")
	l.send("vlan.dat\r")
	l.expect("remote host []? ")
	l.send("127.0.0.1\r")
	l.expect("Destination filename [vlan.dat]? ")
	l.send("\r")
	l.expect("1096 bytes copied")
	l.expect("#")
	l.send("copy flash: tftp:\r")
	l.expect("Source filename [vlan.dat]? ") // IOS proposes the last one again
	l.send("\x03")
	l.expect("#")
	want := []string{
		"terminal length 0", "terminal width 0",
		"copy run tftp", "Address or name of remote host []? 127.0.0.1", "Destination filename [sw-office-confg]? mine",
		"copy flash: tftp:", "Source filename []? vlan.dat", "Address or name of remote host []? 127.0.0.1", "Destination filename [vlan.dat]? ",
		"copy flash: tftp:", "Source filename [vlan.dat]? ^C",
	}
	if got := s.Commands()[2:]; !slices.Equal(got, want) { // without user name and password
		t.Errorf("journal\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The error lines of IOS.
func TestCopyOutErrors(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	st := serveTFTP(t, 0)
	for name, code := range map[string]tftp.Code{
		"none": tftp.CodeNotFound, "denied": tftp.CodeAccess, "full": tftp.CodeDiskFull, "odd": tftp.CodeUndefined, "end late": tftp.CodeUndefined,
	} {
		st.refuse(name, &tftp.Error{Code: code, Message: "words of the server"})
	}
	s := launch(t, "c3750", Options{TFTPPort: st.port})
	l := atPrompt(t, s)
	for _, c := range []struct{ source, url, want string }{
		{"flash:/vlan.dat", "tftp://127.0.0.1/none", "%Error opening tftp://127.0.0.1/none (No such file or directory)"},
		{"flash:/vlan.dat", "tftp://127.0.0.1/denied", "%Error opening tftp://127.0.0.1/denied (Permission denied)"},
		{"flash:/vlan.dat", "tftp://127.0.0.1/full", "%Error opening tftp://127.0.0.1/full (No space left on device)"},
		{"flash:/vlan.dat", "tftp://127.0.0.1/odd", "%Error opening tftp://127.0.0.1/odd (Undefined error)"},
		{"flash:/vlan.dat", "tftp://127.0.0.1/late", "%Error writing tftp://127.0.0.1/late (Undefined error)"},
		{"flash:/x.bin", "tftp://127.0.0.1/x", "%Error opening flash:/x.bin (No such file or directory)"},
		{"flash:x.bin", "tftp://127.0.0.1/x", "%Error opening flash:x.bin (No such file or directory)"},
		{"c3750-ipservicesk9-mz.150-2.SE8", "tftp://127.0.0.1/x", "%Error reading flash:/c3750-ipservicesk9-mz.150-2.SE8 (Is a directory)"},
		{"slot9:/x", "tftp://127.0.0.1/x", "%Error opening slot9:/x (Invalid argument)"},
		{"flash:/vlan.dat", "tftp://no.such.host/x", "%Error parsing filename (Invalid IP address or hostname)"},
	} {
		// Type-ahead answers the questions; a copy that fails early leaves empty lines.
		l.send("copy " + c.source + " " + c.url + "\r\r\r")
		if out := l.expect(c.want); strings.Contains(out, "words of the server") {
			t.Errorf("%s: the server's words are on the terminal", c.url)
		}
	}
	last := s.Transfers()
	if n := len(last); n != 5 || last[1].Code != int(tftp.CodeAccess) || last[1].Message != "words of the server" || last[1].Err == nil {
		t.Errorf("transfers recorded: %+v", last)
	}
}

func TestCopyIn(t *testing.T) {
	t.Parallel()
	st := serveTFTP(t, 0)
	data := bytes.Repeat([]byte("0123456789abcdef"), 5000)
	st.put("new.bin", data)
	st.put("big.bin", make([]byte, 16<<20))
	s := launch(t, "c3750", Options{TFTPPort: st.port})
	l := atPrompt(t, s)
	before := len(s.Files())

	l.send("copy tftp: flash:\r")
	l.expect("Address or name of remote host []? ")
	l.send("127.0.0.1\r")
	l.expect("Source filename []? ")
	l.send("new.bin\r")
	l.expect("Destination filename [new.bin]? ")
	l.send("\r")
	l.expect("Accessing tftp://127.0.0.1/new.bin...\r\nLoading new.bin from 127.0.0.1 (via Vlan1): !")
	l.expect("!\r\n[OK - 80000 bytes]\r\n\r\n80000 bytes copied in ")
	if got, _ := s.File("flash:/new.bin"); !bytes.Equal(got, data) || len(s.Files()) != before+1 {
		t.Error("the file in flash is not the one that was sent")
	}
	l.expect("#")

	l.send("copy tftp://127.0.0.1/new.bin flash:/vlan.dat\r")
	l.expect("Destination filename [vlan.dat]? ")
	l.send("\r")
	l.expect("%Warning:There is a file already existing with this name \r\nDo you want to over write? [confirm]")
	l.send("n")
	l.expect("#")
	if got, _ := s.File("vlan.dat"); len(got) != 1096 {
		t.Error("the answer n did not keep the file")
	}
	l.send("copy tftp://127.0.0.1/new.bin flash:/vlan.dat\r\r")
	l.expect("[confirm]")
	l.send("\r")
	l.expect("bytes copied")
	if got, _ := s.File("vlan.dat"); !bytes.Equal(got, data) {
		t.Error("the answer Enter did not replace the file")
	}

	l.send("copy tftp://127.0.0.1/big.bin flash:\r\r")
	l.expect("%Error copying tftp://127.0.0.1/big.bin (Not enough space on device)")
	l.send("copy tftp://127.0.0.1/absent flash:\r\r")
	l.expect("%Error opening tftp://127.0.0.1/absent (No such file or directory)")
	for _, name := range []string{"big.bin", "absent"} {
		if _, ok := s.File(name); ok {
			t.Errorf("%s is in flash", name)
		}
	}
}

func TestCopyWithin(t *testing.T) {
	t.Parallel()
	s := launch(t, "c3750", Options{})
	l := atPrompt(t, s)
	before := s.Files()
	l.send("copy " + image["c3750"] + " flash:/second.bin\r\r")
	l.expect("%Error copying flash:/second.bin (Not enough space on device)")
	l.send("copy flash:/vlan.dat flash:/no/vlan.dat\r\r")
	l.expect("%Error copying flash:/no/vlan.dat (No such file or directory)")
	l.send("copy flash:/vlan.dat cns:/x\r\r")
	l.expect("%Error copying cns:/x (Invalid argument)")
	if !slices.Equal(s.Files(), before) {
		t.Fatal("a copy that failed left something")
	}
	l.send("copy flash:/vlan.dat flash:/vlan.old\r")
	l.expect("Destination filename [vlan.old]? ")
	l.send("\r")
	l.expect("1096 bytes copied in ")
	old, _ := s.File("vlan.dat")
	if got, _ := s.File("vlan.old"); !bytes.Equal(got, old) {
		t.Error("the copy differs")
	}
	l.send("copy flash:/config.text flash:/vlan.old\r\r")
	l.expect("Do you want to over write? [confirm]")
	l.send("n")
	l.expect("#")
	if got, _ := s.File("vlan.old"); !bytes.Equal(got, old) {
		t.Error("the answer n replaced the file")
	}
}

func TestCopyBrokenOff(t *testing.T) {
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "c3750", Options{TFTPPort: st.port, Pace: 100_000})
	l := atPrompt(t, s)
	l.send("copy " + image["c3750"] + " tftp://127.0.0.1/x\r\r\r")
	l.expect("!!!")
	l.send("show clock\r\x1e") // keys typed before stay for the next prompt
	l.expect("%Error writing tftp://127.0.0.1/x (Aborted)")
	if tr := s.Transfers(); len(tr) != 1 || tr[0].Err == nil {
		t.Errorf("transfers recorded when the terminal told the end: %+v", tr)
	}
	l.expect("UTC")
	if _, ok := st.file("x"); ok {
		t.Error("the file was stored")
	}
}

// A copy runs at the configured pace.
func TestPace(t *testing.T) {
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "c3500xl", Options{TFTPPort: st.port, Pace: 8000})
	l := atPrompt(t, s)
	began := time.Now()
	l.send("copy flash:vlan.dat tftp://127.0.0.1/x\r\r\r\r")
	l.expect("2212 bytes copied")
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("2212 bytes at 8000 a second took %v", took)
	}
}

// Without any answer the copy gives up, with a dot for every repetition.
func TestCopyTimesOut(t *testing.T) {
	t.Parallel()
	s := launch(t, "c9300", Options{TFTPPort: 9, Timeout: 300 * time.Millisecond})
	l := atPrompt(t, s)
	l.send("copy flash:/vlan.dat tftp://127.0.0.1/x vrf Mgmt-vrf\r\r\r")
	l.expect(".....\r\n%Error opening tftp://127.0.0.1/x (Timed out)")
}

func TestDelete(t *testing.T) {
	t.Parallel()
	s := launch(t, "c3750", Options{})
	l := atPrompt(t, s)
	l.send("delete flash:/vlan.dat\r")
	l.expect("Delete filename [vlan.dat]? ")
	l.send("\r")
	l.expect("Delete flash:/vlan.dat? [confirm]")
	l.send("n")
	l.expect("#")
	if _, ok := s.File("vlan.dat"); !ok {
		t.Fatal("the answer n deleted the file")
	}
	l.run("delete /force flash:/vlan.dat", "#")
	if _, ok := s.File("vlan.dat"); ok {
		t.Error("the file is still there")
	}
	if out := l.run("delete /force flash:/c3750-ipservicesk9-mz.150-2.SE8", "#"); !strings.Contains(out, "Is a directory") {
		t.Errorf("deleting a directory: %s", out)
	}
}

// The dialogue of IOS up to 12.0 (Configuration Fundamentals Command Reference,
// "copy"): first a check, then a question of two lines that needs a whole word,
// and no byte count at the end.
func TestOldCopy(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "c2500", Options{TFTPPort: st.port, Timeout: time.Hour, Faults: Faults{AskPartition: 1}})
	l := atPrompt(t, s)
	image := strings.TrimPrefix(s.profile.Image, "flash:")
	for _, answer := range []string{"no", "yes"} {
		l.send("copy flash:" + image + " tftp://127.0.0.1/old\r")
		if answer == "no" {
			l.expect("Which partition? [default = 1] ")
			l.send("\r")
		}
		l.expect("Verifying checksum for '" + image + "' (file # 1)... OK\r\nCopy '" + image + "' from Flash to server\r\n  as 'old'? [yes/no]")
		l.send(answer + "\r")
		out := l.expect(s.Hostname() + "#")
		got, sent := st.file("old")
		want, _ := s.File("flash:" + image)
		switch {
		case sent != (answer == "yes"):
			t.Errorf("after %s: sent %t, %s", answer, sent, out)
		case sent && (!bytes.Equal(got, want) || !strings.Contains(out, "!!\r\nUpload to server done\r\nFlash copy took 0:")):
			t.Errorf("%d bytes of %d, %s", len(got), len(want), out)
		}
	}
	l.send("copy nvram:startup-config tftp://127.0.0.1/config\r")
	l.expect("Write file config on host 127.0.0.1?[confirm]")
	l.send("y")
	l.expect("[OK]")
	got, _ := st.file("config")
	if want, _ := s.File("nvram:startup-config"); !bytes.Equal(got, want) {
		t.Errorf("the configuration arrived with %d bytes", len(got))
	}
}
