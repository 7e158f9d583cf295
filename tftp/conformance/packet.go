package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// The opcodes (RFC 1350 section 5, RFC 2347).
const (
	opRRQ = iota + 1
	opWRQ
	opDATA
	opACK
	opERROR
	opOACK
)

// packet is a received datagram.
type packet []byte

func (p packet) op() int {
	if len(p) < 2 {
		return 0
	}
	return int(binary.BigEndian.Uint16(p))
}

// number is the block of a DATA or ACK, or the code of an ERROR.
func (p packet) number() int {
	if len(p) < 4 {
		return -1
	}
	return int(binary.BigEndian.Uint16(p[2:]))
}

func (p packet) body() []byte { return p[min(4, len(p)):] }

// text is the text of an ERROR.
func (p packet) text() string { return string(bytes.TrimRight(p.body(), "\x00")) }

// options returns the options of an OACK, with names in lower case.
func (p packet) options() (map[string]string, error) {
	fields := strings.Split(string(p[min(2, len(p)):]), "\x00")
	if n := len(fields); n%2 == 0 || fields[n-1] != "" {
		return nil, fmt.Errorf("the OACK %q is not a list of names and values", []byte(p))
	}
	list := map[string]string{}
	for i := 0; i+1 < len(fields); i += 2 {
		list[strings.ToLower(fields[i])] = fields[i+1]
	}
	return list, nil
}

// String describes the packet for the detail of a result.
func (p packet) String() string {
	switch p.op() {
	case opDATA:
		return fmt.Sprintf("DATA %d with %d bytes", p.number(), len(p.body()))
	case opACK:
		return fmt.Sprintf("ACK %d", p.number())
	case opERROR:
		return fmt.Sprintf("ERROR %d %q", p.number(), p.text())
	case opOACK:
		return "OACK " + strings.TrimSpace(string(bytes.ReplaceAll(p[2:], []byte{0}, []byte(" "))))
	}
	if p == nil {
		return "nothing"
	}
	return fmt.Sprintf("% x", []byte(p[:min(len(p), 16)]))
}

func rrq(name, mode string, options ...string) []byte { return request(opRRQ, name, mode, options) }

func wrq(name, mode string, options ...string) []byte { return request(opWRQ, name, mode, options) }

// request makes a request. Options are names and values in turn.
func request(op int, name, mode string, options []string) []byte {
	b := append([]byte{0, byte(op)}, name+"\x00"+mode+"\x00"...)
	for _, o := range options {
		b = append(b, o+"\x00"...)
	}
	return b
}

// data makes a DATA; n is reduced to 16 bits.
func data(n int, payload []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0, opDATA}, uint16(n)), payload...)
}

func ack(n int) []byte { return binary.BigEndian.AppendUint16([]byte{0, opACK}, uint16(n)) }

func failure(code byte, text string) []byte {
	return append([]byte{0, opERROR, 0, code}, text+"\x00"...)
}

// block returns the payload of block n, from 1.
func block(body []byte, size, n int) []byte {
	start := min((n-1)*size, len(body))
	return body[start:min(start+size, len(body))]
}

// blocks returns the number of blocks of a file (RFC 1350 section 6: the last one
// is shorter than the others).
func blocks(body []byte, size int) int { return len(body)/size + 1 }
