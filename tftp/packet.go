package tftp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The opcodes besides the requests (RFC 1350 section 5, RFC 2347).
const (
	opData  uint16 = 3
	opACK   uint16 = 4
	opError uint16 = 5
	opOACK  uint16 = 6
)

const (
	headerSize       = 4     // of DATA and ACK (RFC 1350 section 5)
	defaultBlockSize = 512   // RFC 1350 section 2
	minBlockSize     = 8     // RFC 2348
	maxBlockSize     = 65464 // RFC 2348
	maxDatagram      = headerSize + maxBlockSize
	maxRequest       = 2048 // bytes; RFC 2347 permits 512. A session keeps its request, also for a peer that never answers
	maxOptions       = 32   // in a request or an OACK; more are refused
	maxErrorText     = 480  // bytes; longer texts of ERROR packets are cut
)

var errShort = errors.New("packet is too short")

// Option is one name and value of a request or an OACK (RFC 2347).
type Option struct{ Name, Value string }

// packet is a DATA, ACK, ERROR or OACK. Its slices point into the datagram.
type packet struct {
	op    uint16
	block uint16 // DATA, ACK; the code of an ERROR
	body  []byte // DATA: payload; ERROR: text; OACK: options, unparsed
}

// parsePacket reads every kind of packet except requests. It does not allocate.
func parsePacket(b []byte) (packet, error) {
	if len(b) < 2 {
		return packet{}, errShort
	}
	p := packet{op: binary.BigEndian.Uint16(b)}
	switch p.op {
	case opOACK:
		p.body = b[2:]
		return p, nil
	case opData, opACK, opError:
		if len(b) < headerSize {
			return packet{}, errShort
		}
		p.block, p.body = binary.BigEndian.Uint16(b[2:]), b[headerSize:]
		return p, nil
	}
	return packet{}, fmt.Errorf("opcode %d does not belong to a transfer", p.op)
}

// err returns an ERROR packet as an *Error. The text ends at the first NUL.
func (p packet) err() *Error {
	text, _, _ := bytes.Cut(p.body, []byte{0})
	if len(text) > maxErrorText {
		text = text[:maxErrorText]
	}
	return &Error{Code: Code(p.block), Message: string(text)}
}

// options parses the options of an OACK.
func (p packet) options() ([]Option, error) {
	return parseOptions(p.body)
}

// wireRequest is the content of a request datagram.
type wireRequest struct {
	op       Op
	filename string
	mode     string
	options  []Option
}

// parseRequest reads a RRQ or WRQ. Every field must end inside the datagram
// (RFC 1350 section 5); a truncated request is refused. The error is the *Error
// to answer with. With an error, parseRequest also returns the fields before it.
func parseRequest(b []byte) (wireRequest, error) {
	r := wireRequest{op: Op(binary.BigEndian.Uint16(b))}
	if len(b) > maxRequest {
		return r, illegal("the request is too long")
	}
	name, rest, ok := bytes.Cut(b[2:], []byte{0})
	if !ok {
		return r, illegal("the file name does not end")
	}
	if len(name) == 0 {
		return r, illegal("the file name is empty")
	}
	r.filename = string(name)
	mode, rest, ok := bytes.Cut(rest, []byte{0})
	if !ok {
		return r, illegal("the mode is missing or does not end")
	}
	r.mode = string(mode)
	var err error
	if r.options, err = parseOptions(rest); err != nil {
		return r, illegal(err.Error())
	}
	return r, nil
}

// parseOptions reads pairs of name and value. An empty name ends the list,
// because some clients pad their requests with zeros.
func parseOptions(b []byte) ([]Option, error) {
	var list []Option
	for len(b) > 0 && b[0] != 0 {
		name, rest, ok := bytes.Cut(b, []byte{0})
		if !ok {
			return nil, errors.New("an option's name does not end")
		}
		value, rest, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			return nil, errors.New("an option's value is missing or does not end")
		}
		if len(list) == maxOptions {
			return nil, errors.New("too many options")
		}
		list = append(list, Option{string(name), string(value)})
		b = rest
	}
	return list, nil
}

func illegal(text string) *Error { return &Error{Code: CodeIllegal, Message: text} }

// appendRequest appends a RRQ or WRQ.
func appendRequest(b []byte, r wireRequest) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(r.op))
	b = appendString(b, r.filename)
	b = appendString(b, r.mode)
	return appendOptions(b, r.options)
}

// appendOACK appends an OACK (RFC 2347).
func appendOACK(b []byte, options []Option) []byte {
	return appendOptions(binary.BigEndian.AppendUint16(b, opOACK), options)
}

func appendOptions(b []byte, options []Option) []byte {
	for _, o := range options {
		b = appendString(b, o.Name)
		b = appendString(b, o.Value)
	}
	return b
}

// appendACK appends the ACK of a block.
func appendACK(b []byte, block uint16) []byte {
	b = binary.BigEndian.AppendUint16(b, opACK)
	return binary.BigEndian.AppendUint16(b, block)
}

// putDataHeader writes the header of a DATA in front of its payload.
func putDataHeader(b []byte, block uint16) {
	binary.BigEndian.PutUint16(b, opData)
	binary.BigEndian.PutUint16(b[2:], block)
}

// appendError appends an ERROR (RFC 1350 section 5).
func appendError(b []byte, e *Error) []byte {
	b = binary.BigEndian.AppendUint16(b, opError)
	b = binary.BigEndian.AppendUint16(b, uint16(e.Code))
	text := e.Message
	if len(text) > maxErrorText {
		text = text[:maxErrorText]
	}
	return appendString(b, text)
}

func appendString(b []byte, s string) []byte {
	return append(append(b, s...), 0)
}
