package iossim

import (
	"net"
	"sync"
)

// The bytes of the Telnet protocol (RFC 854, 857, 858, 1073, 1091).
const (
	telnetSE    = 240
	telnetBreak = 243
	telnetIP    = 244
	telnetSB    = 250
	telnetWILL  = 251
	telnetWONT  = 252
	telnetDO    = 253
	telnetDONT  = 254
	telnetIAC   = 255

	optionEcho  = 1
	optionSGA   = 3 // suppress go ahead
	optionTType = 24
	optionNAWS  = 31 // window size
)

// telnetState is the place of the reader within a command.
type telnetState int

const (
	inText telnetState = iota
	afterIAC
	afterVerb // WILL, WONT, DO, DONT
	inSub     // sub-negotiation
	inSubIAC
)

// maxSub is the longest sub-negotiation that is read, in bytes.
const maxSub = 64

// telnetConn removes the protocol from the typed bytes and doubles the escape
// byte in printed ones.
type telnetConn struct {
	net.Conn
	resize func(columns, rows uint32)

	state telnetState
	verb  byte
	sub   []byte
	raw   []byte

	mu     sync.Mutex // of writes: answers come from the reader
	sent   map[byte]bool
	prompt bool // the first prompt was printed
}

// Read returns only typed bytes. It returns 0 bytes if there was only protocol.
func (c *telnetConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	out := p[:0]
	for _, b := range p[:n] {
		if typed, ok := c.step(b); ok {
			out = append(out, typed)
		}
	}
	return len(out), err
}

// step reads one byte. ok is true for a typed byte.
func (c *telnetConn) step(b byte) (typed byte, ok bool) {
	switch c.state {
	case inText:
		if b == telnetIAC {
			c.state = afterIAC
			return 0, false
		}
		return b, true
	case afterIAC:
		return c.command(b)
	case afterVerb:
		c.state = inText
		c.negotiate(c.verb, b)
	case inSub:
		if b == telnetIAC {
			c.state = inSubIAC
		} else if len(c.sub) < maxSub {
			c.sub = append(c.sub, b)
		}
	case inSubIAC:
		c.endSub(b)
	}
	return 0, false
}

func (c *telnetConn) command(b byte) (byte, bool) {
	c.state = inText
	switch b {
	case telnetIAC:
		return telnetIAC, true
	case telnetBreak, telnetIP:
		return ctrlShift6, true
	case telnetSB:
		c.state, c.sub = inSub, c.sub[:0]
	case telnetWILL, telnetWONT, telnetDO, telnetDONT:
		c.state, c.verb = afterVerb, b
	}
	return 0, false
}

// endSub ends a sub-negotiation. Only the window size matters.
func (c *telnetConn) endSub(b byte) {
	switch b {
	case telnetIAC:
		c.state = inSub
		if len(c.sub) < maxSub {
			c.sub = append(c.sub, b)
		}
	default:
		c.state = inText
		if len(c.sub) == 5 && c.sub[0] == optionNAWS && c.resize != nil {
			c.resize(uint32(c.sub[1])<<8|uint32(c.sub[2]), uint32(c.sub[3])<<8|uint32(c.sub[4]))
		}
	}
}

// negotiate answers a request. An option that we requested ourselves needs no
// answer.
func (c *telnetConn) negotiate(verb, option byte) {
	switch {
	case verb == telnetDO && (option == optionEcho || option == optionSGA):
		c.offer(telnetWILL, option)
	case verb == telnetDO:
		c.offer(telnetWONT, option)
	case verb == telnetWILL && (option == optionNAWS || option == optionTType || option == optionSGA):
		c.offer(telnetDO, option)
	case verb == telnetWILL:
		c.offer(telnetDONT, option)
	}
}

// offer sends a negotiation, each only once.
func (c *telnetConn) offer(verb, option byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent[option] {
		return
	}
	c.sent[option] = true
	c.Conn.Write([]byte{telnetIAC, verb, option}) // the next read fails when the line is gone
}

// Write sends text.
func (c *telnetConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = c.raw[:0]
	for _, b := range p {
		if b == telnetIAC {
			c.raw = append(c.raw, telnetIAC)
		}
		c.raw = append(c.raw, b)
	}
	if !c.prompt && len(p) > 0 && p[len(p)-1] == ' ' { // IOS negotiates behind its first prompt
		c.prompt = true
		c.raw = append(c.raw, telnetIAC, telnetDO, optionTType, telnetIAC, telnetDO, optionNAWS)
		c.sent[optionTType], c.sent[optionNAWS] = true, true
	}
	if _, err := c.Conn.Write(c.raw); err != nil {
		return 0, err
	}
	return len(p), nil
}

// serveTelnet serves one Telnet line.
func (s *Switch) serveTelnet(conn net.Conn) error {
	t := newTerminal()
	c := &telnetConn{Conn: conn, sent: map[byte]bool{}, resize: t.resize}
	c.offer(telnetWILL, optionEcho)
	c.offer(telnetWILL, optionSGA)
	defer s.execTimeout(t, conn)()
	t.open(c)
	defer t.close()
	s.runTelnet(t, conn)
	return nil
}
