package ios

import (
	"strconv"
	"strings"

	"flashwarden/internal/cause"
	"flashwarden/internal/lazyregexp"
)

// CopyResult is the outcome of one copy, read from its output.
type CopyResult struct {
	Bytes   int64       // bytes copied; -1 when not printed
	Seconds float64     // duration measured by the device; 0 when not printed
	OK      bool        // the device reports success; the caller must still compare size and digest
	Error   string      // the device's error line about this copy; may be empty
	Cause   cause.Cause // the cause, if the device's words decide it; "" for a time-out, where only the evidence of the server does
}

var (
	// 18286080 bytes copied in 58.989 secs (309991 bytes/sec)
	bytesCopied = lazyregexp.New(`(?m)(\d{1,18}) bytes c ?opied(?: in (\d{1,9}(?:\.\d{1,9})?) secs?)?`)
	// [OK - 1580 bytes]  [OK - 2646988/4096 bytes]  ![OK]
	okBytes    = lazyregexp.New(`\[OK - (\d{1,18})(?:/\d+)? bytes\]`)
	okPlain    = lazyregexp.New(`!\[OK\]`)
	uploadDone = lazyregexp.New(`(?m)^Upload to server done`)
	// Flash copy took 0:00:01 [hh:mm:ss]
	copyTook = lazyregexp.New(`(?m)^Flash (?:device )?copy took (\d{1,4}):(\d{2}):(\d{2})`)

	// %Error opening tftp://10.1.1.1/x (Timed out) · %Error reading flash:x (Is a directory)
	errorOnFile = lazyregexp.New(`(?i)^%error (?:opening|reading|writing|copying|deleting|closing) ?(\S+)(?: \(([^)]*)\)?)?`)
	// IOS prints *:* in place of the user and the password of a URL, and a VRF after the host:
	// scp://*:*@172.27.148.198;Mgmt-intf//x.bin
	serverURL     = lazyregexp.New(`^(?:tftp|https|scp)://(?:[^@/]*@)?(\[[^\]]*\]|[^/:;]*)(?::\d+)?(?:;[^/]*)?/(.*)$`)
	spaceReason   = lazyregexp.New(`(?i)no space|not enough space|insufficient space|no memory`)
	unresolved    = lazyregexp.New(`(?i)cannot resolve|invalid ip address`)
	timeoutReason = lazyregexp.New(`(?i)timed out|transfer|socket error|i/o error`)
	noReason      = lazyregexp.New(`(?i)unknown error|undefined error`)
)

// Result reads the output of the copy. It ignores system messages and errors
// about other files and servers, and it does not use the printed rate. "0 bytes
// copied" is not OK unless Empty is set.
func (c Copy) Result(output string) CopyResult {
	text := strings.Join(linesOf(output), "\n")
	r := CopyResult{Bytes: -1}
	done := uploadDone.MatchString(text) || okPlain.MatchString(text)
	if m := last(okBytes, text); m != nil {
		r.Bytes, done = numberOr(m[1], -1), true
	}
	if m := last(copyTook, text); m != nil {
		r.Seconds = float64(numberOr(m[1], 0)*3600 + numberOr(m[2], 0)*60 + numberOr(m[3], 0))
	}
	if m := last(bytesCopied, text); m != nil {
		r.Bytes, done = numberOr(m[1], -1), true
		if seconds, err := strconv.ParseFloat(m[2], 64); err == nil {
			r.Seconds = seconds
		}
	}
	r.Error, r.Cause = c.failure(text)
	r.Error = c.Hide(r.Error)
	r.OK = done && r.Error == "" && (r.Bytes != 0 || c.Empty)
	return r
}

// failure returns the first line that reports a failure of this copy, and its
// cause.
func (c Copy) failure(text string) (string, cause.Cause) {
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(strings.TrimLeft(line, "!.O "))
		refused := refusalOf(line)
		if refused == nil {
			continue
		}
		m := errorOnFile.FindStringSubmatch(line)
		if m == nil {
			return line, refused.Cause
		}
		if url := serverURL.FindStringSubmatch(m[1]); url != nil {
			if c.isOurs(url[1], url[2]) {
				return line, c.serverCause(m[2])
			}
			continue
		}
		if CleanPath(m[1]) == CleanPath(c.file()) || nameOnDevice(m[1]) == nameOnDevice(c.file()) {
			return line, c.deviceCause(m[2], refused.Cause)
		}
	}
	return "", ""
}

// isOurs reports whether a URL in an error is the URL of this copy.
func (c Copy) isOurs(host, name string) bool {
	return strings.Trim(host, "[]") == c.Server && strings.TrimLeft(name, "/") == strings.TrimLeft(c.Name, "/")
}

// serverCause returns the cause for an error about our own URL. IOS prints its
// own words for the code of the ERROR packet. A time-out may have any cause.
// Without a valid address there was no request.
func (c Copy) serverCause(reason string) cause.Cause {
	switch {
	case c.ToDevice && spaceReason.MatchString(reason):
		return cause.DeviceNoSpace // the server has only to read
	case reason == "" || timeoutReason.MatchString(reason), c.Scheme == SCP && noReason.MatchString(reason):
		return ""
	case unresolved.MatchString(reason):
		return cause.CommandRejected
	}
	return cause.RefusedByServer
}

// deviceCause returns the cause for an error about the device's own file.
func (c Copy) deviceCause(reason string, otherwise cause.Cause) cause.Cause {
	if timeoutReason.MatchString(reason) {
		return ""
	}
	return otherwise
}

// last returns the last match of an expression, or nil.
func last(re *lazyregexp.Regexp, text string) []string {
	matches := re.FindAllStringSubmatch(text, -1)
	if len(matches) == 0 {
		return nil
	}
	return matches[len(matches)-1]
}
