package vty

import (
	"bytes"
	"net"
	"sync"
)

// Telnet commands (RFC 854) and options (RFC 857, 858, 1091, 1073).
const (
	telSE   = 240
	telSB   = 250
	telWILL = 251
	telWONT = 252
	telDO   = 253
	telDONT = 254
	telIAC  = 255

	optEcho  = 1
	optSGA   = 3
	optTType = 24
	optNAWS  = 31
)

// telnet is the client side of a Telnet connection (RFC 854). Read returns the
// data without commands, Write doubles 0xFF. It allows the server to echo and
// to suppress go-ahead, sends a terminal type and a window size on request, and
// refuses every other option once.
type telnet struct {
	conn net.Conn
	mu   sync.Mutex // one writer at a time: Read answers negotiations

	state telnetState
	verb  byte   // WILL, WONT, DO or DONT whose option follows
	sub   []byte // the current subnegotiation
	him   [256]optionState
	us    [256]optionState
	out   []byte // answers to write
}

type telnetState int

const (
	telData telnetState = iota
	telCommand
	telOption
	telSub
	telSubIAC
)

// optionState is the last state of an option that we sent to the other side.
type optionState byte

const (
	optUntold optionState = iota
	optOn
	optOff
)

// maxSub limits a subnegotiation, in bytes. The rest of a longer one is
// dropped.
const maxSub = 64

func newTelnet(conn net.Conn) *telnet { return &telnet{conn: conn} }

// Close closes the connection. Telnet has no goodbye message.
func (t *telnet) Close() error { return t.conn.Close() }

// Read reads data. It may return 0 bytes without an error, when only commands
// arrived.
func (t *telnet) Read(p []byte) (int, error) {
	n, err := t.conn.Read(p)
	data := t.decode(p[:n])
	if len(t.out) > 0 {
		werr := t.send(t.out)
		t.out = t.out[:0]
		if err == nil {
			err = werr
		}
	}
	return len(data), err
}

// Write sends data, with 0xFF doubled (RFC 854).
func (t *telnet) Write(p []byte) (int, error) {
	if err := t.send(bytes.ReplaceAll(p, []byte{telIAC}, []byte{telIAC, telIAC})); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (t *telnet) send(p []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err := t.conn.Write(p)
	return err
}

// decode removes the commands from p, in place, and collects the answers in
// t.out.
func (t *telnet) decode(p []byte) []byte {
	data := p[:0]
	for _, b := range p {
		switch t.state {
		case telData:
			if b == telIAC {
				t.state = telCommand
			} else {
				data = append(data, b)
			}
		case telCommand:
			if b == telIAC {
				data = append(data, b)
			}
			t.command(b)
		case telOption:
			t.negotiate(t.verb, b)
			t.state = telData
		default:
			t.subnegotiate(b)
		}
	}
	return data
}

func (t *telnet) command(b byte) {
	t.state = telData
	switch b {
	case telWILL, telWONT, telDO, telDONT:
		t.verb, t.state = b, telOption
	case telSB:
		t.sub, t.state = t.sub[:0], telSub
	}
}

// negotiate answers one request. It answers only to change an option, so that
// two sides cannot answer each other forever.
func (t *telnet) negotiate(verb, option byte) {
	switch verb {
	case telWILL:
		t.agree(&t.him[option], option == optEcho || option == optSGA, telDO, telDONT, option)
	case telWONT:
		t.disagree(&t.him[option], telDONT, option)
	case telDO:
		on := option == optSGA || option == optTType || option == optNAWS
		if t.agree(&t.us[option], on, telWILL, telWONT, option) && option == optNAWS {
			// 511 columns as in terminal width 511; 0 rows means any length
			// (RFC 1073).
			t.out = append(t.out, telIAC, telSB, optNAWS, 1, telIAC, telIAC, 0, 0, telIAC, telSE)
		}
	case telDONT:
		t.disagree(&t.us[option], telWONT, option)
	}
}

// disagree confirms that an option which was on is off again.
func (t *telnet) disagree(state *optionState, no, option byte) {
	if *state == optOn {
		*state = optOff
		t.out = append(t.out, telIAC, no, option)
	}
}

// agree reports whether the option has just been switched on.
func (t *telnet) agree(state *optionState, on bool, yes, no, option byte) bool {
	want, verb := optOff, no
	if on {
		want, verb = optOn, yes
	}
	if *state == want {
		return false
	}
	*state = want
	t.out = append(t.out, telIAC, verb, option)
	return on
}

func (t *telnet) subnegotiate(b byte) {
	switch {
	case t.state == telSub && b == telIAC:
		t.state = telSubIAC
		return
	case t.state == telSubIAC && b == telSE:
		t.state = telData
		if bytes.Equal(t.sub, []byte{optTType, 1}) { // SEND (RFC 1091)
			t.out = append(t.out, telIAC, telSB, optTType, 0)
			t.out = append(t.out, "VT100"...)
			t.out = append(t.out, telIAC, telSE)
		}
		return
	case t.state == telSubIAC && b != telIAC: // broken: the command ends it
		t.command(b)
		return
	}
	t.state = telSub
	if len(t.sub) < maxSub {
		t.sub = append(t.sub, b)
	}
}
