package cause

import "flashwarden/internal/lazyregexp"

// Text is the observation of err in plain words, for people. Error is the same with
// the words of Go's libraries, for a log. Every place that makes text for people of
// an error calls Text.
func Text(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	for _, w := range libraryWords {
		text = w.of.ReplaceAllString(text, w.plain)
	}
	return text
}

// libraryWords are texts of Go's libraries, and what they mean. Texts of the
// operating system, such as "permission denied", stay.
var libraryWords = []struct {
	of    *lazyregexp.Regexp
	plain string
}{
	// net.OpError: dial tcp 192.0.2.1:22: connect: connection refused
	{lazyregexp.New(`\b(?:read|write) (?:tcp|udp|unix)[46]? \S+->\S+: `), ""},
	{lazyregexp.New(`\b(?:dial|read|write|accept|listen) (?:tcp|udp|unix|unixgram)[46]? (\S+): `), "$1: "},
	{lazyregexp.New(`\b(?:dial|read|write|accept|listen) (?:tcp|udp|unix|unixgram)[46]?: `), ""},
	{lazyregexp.New(`\b(?:connect|read|write|bind|accept|sendto|recvfrom): (connection|address|no route|network|host|operation|permission|broken|i/o)`), "$1"},
	{lazyregexp.New(`\bconnection refused\b`), "nothing listens there"},
	{lazyregexp.New(`\bconnection reset by peer\b|\bbroken pipe\b`), "the other side closed the connection"},
	{lazyregexp.New(`\buse of closed network connection\b`), "the connection was closed"},
	{lazyregexp.New(`\b(?:context deadline exceeded|i/o timeout)\b`), "no answer in time"},
	{lazyregexp.New(`\bcontext canceled\b`), "cancelled"},
	{lazyregexp.New(`\blookup (\S+?)(?: on \S+)?: no such host\b`), "no address for the name $1"},
	{lazyregexp.New(`\blookup (\S+?)(?: on \S+)?: server misbehaving\b`), "the name server did not answer for $1"},
	// golang.org/x/crypto/ssh
	{lazyregexp.New(`: no greeting received\b`), ""},
	{lazyregexp.New(`\bssh: (?:handshake failed: )?`), ""},
	{lazyregexp.New(`\bunable to authenticate, attempted methods \[([^\]]*)\], no supported methods remain`), "tried $1"},
	{lazyregexp.New(`\bdisconnect, reason \d+: `), "the other side ended the session: "},
	{lazyregexp.New(`\bunexpected EOF\b`), "it ended too early"},
	{lazyregexp.New(`: EOF\b`), ": the connection ended"},
	// strconv, time
	{lazyregexp.New(`\bstrconv\.\w+: parsing ("(?:[^"\\]|\\.)*"): invalid syntax`), "$1 is not a number"},
	{lazyregexp.New(`\bstrconv\.\w+: parsing ("(?:[^"\\]|\\.)*"): value out of range`), "$1 is too large or too small"},
	{lazyregexp.New(`\btime: missing unit in duration ("[^"]*")`), "$1 has no unit: use 30s, 10m or 2h"},
	{lazyregexp.New(`\btime: (?:invalid duration|unknown unit "[^"]*" in duration) ("[^"]*")`), "$1 is not a time: use 30s, 10m or 2h"},
}
