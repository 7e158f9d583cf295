package vty

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestTelnetDecode tests received bytes, their data, and the answers.
func TestTelnetDecode(t *testing.T) {
	tests := []struct{ name, in, data, out string }{
		{"plain", "Username: ", "Username: ", ""},
		{"doubled 255", "a\xff\xffb", "a\xffb", ""},
		{"echo and go-ahead", "\xff\xfb\x01x\xff\xfb\x03", "x", "\xff\xfd\x01\xff\xfd\x03"},
		{"offered twice", "\xff\xfb\x01\xff\xfb\x01", "", "\xff\xfd\x01"},
		{"off and on", "\xff\xfb\x01\xff\xfc\x01\xff\xfc\x01\xff\xfb\x01", "", "\xff\xfd\x01\xff\xfe\x01\xff\xfd\x01"},
		{"refused once", "\xff\xfb\x05\xff\xfb\x05\xff\xfd\x20\xff\xfd\x20", "", "\xff\xfe\x05\xff\xfc\x20"},
		{"never agreed", "\xff\xfc\x01\xff\xfe\x18", "", ""},
		{"we do not echo", "\xff\xfd\x01", "", "\xff\xfc\x01"},
		{"go-ahead asked of us", "\xff\xfd\x03\xff\xfe\x03", "", "\xff\xfb\x03\xff\xfc\x03"},
		{"window size", "\xff\xfd\x1f", "", "\xff\xfb\x1f\xff\xfa\x1f\x01\xff\xff\x00\x00\xff\xf0"},
		{"terminal type", "\xff\xfd\x18\xff\xfa\x18\x01\xff\xf0x", "x", "\xff\xfb\x18\xff\xfa\x18\x00VT100\xff\xf0"},
		{"another subnegotiation", "\xff\xfa\x27\x01\xff\xff\x02\xff\xf0x", "x", ""},
		{"endless subnegotiation", "\xff\xfa\x18\x01" + strings.Repeat("y", 1000) + "\xff\xf0x", "x", ""},
		{"broken subnegotiation", "\xff\xfa\x18\x01\xff\xfb\x01x", "x", "\xff\xfd\x01"},
		{"other commands", "a\xff\xf1b\xff\xf9c\xff\xf2d", "abcd", ""},
		{"cut off", "a\xff", "a", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			whole := new(telnet)
			if data := whole.decode([]byte(test.in)); string(data) != test.data || string(whole.out) != test.out {
				t.Errorf("data %q, answers %q", data, whole.out)
			}
			single := new(telnet)
			var data []byte
			for _, b := range []byte(test.in) {
				data = append(data, single.decode([]byte{b})...)
			}
			if string(data) != test.data || string(single.out) != test.out {
				t.Errorf("byte by byte: data %q, answers %q", data, single.out)
			}
		})
	}
}

func TestTelnetConn(t *testing.T) {
	ours, theirs := net.Pipe()
	ours.SetDeadline(time.Now().Add(time.Minute))
	theirs.SetDeadline(time.Now().Add(time.Minute))
	tn := newTelnet(ours)
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.WriteString(theirs, "a\xff\xfb\x01b")
		answer := make([]byte, 3)
		if _, err := io.ReadFull(theirs, answer); err != nil || string(answer) != "\xff\xfd\x01" {
			t.Errorf("answer %q, %v", answer, err)
		}
		typed := make([]byte, 5)
		if _, err := io.ReadFull(theirs, typed); err != nil || string(typed) != "x\xff\xffy\r" {
			t.Errorf("typed %q, %v", typed, err)
		}
		theirs.Close()
	}()
	buf := make([]byte, 100)
	if n, err := tn.Read(buf); err != nil || string(buf[:n]) != "ab" {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	if n, err := tn.Write([]byte("x\xffy\r")); err != nil || n != 4 {
		t.Errorf("wrote %d, %v", n, err)
	}
	if _, err := tn.Read(buf); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	<-done
	tn.Close()
}

// FuzzTelnet checks three rules: the data does not depend on how it is cut, the
// answers stay bounded by the requests, and two of us never answer each other
// forever.
func FuzzTelnet(f *testing.F) {
	f.Add([]byte("a\xff\xfb\x01\xff\xfa\x18\x01\xff\xf0b\xff\xffc"), uint8(3))
	f.Add([]byte("\xff\xfd\x1f\xff\xfd\x18\xff\xfb\x05\xff\xfc\x05\xff"), uint8(1))
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		whole, cut := new(telnet), new(telnet)
		data := whole.decode(bytes.Clone(in))
		var pieces []byte
		for rest := bytes.Clone(in); len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			pieces = append(pieces, cut.decode(rest[:n])...)
			rest = rest[n:]
		}
		if !bytes.Equal(data, pieces) || !bytes.Equal(whole.out, cut.out) {
			t.Fatalf("whole %q %q, in pieces %q %q", data, whole.out, pieces, cut.out)
		}
		if len(whole.out) > 5*len(in) {
			t.Fatalf("%d bytes of answers to %d bytes", len(whole.out), len(in))
		}
		if len(whole.sub) > maxSub {
			t.Fatalf("kept %d bytes of a subnegotiation", len(whole.sub))
		}
		echo := new(telnet)
		talk := whole.out
		for range 20 {
			echo.out = nil
			echo.decode(bytes.Clone(talk))
			whole.out = nil
			whole.decode(bytes.Clone(echo.out))
			talk = whole.out
		}
		if len(talk) > 0 {
			t.Fatalf("still talking: %q", talk)
		}
	})
}
