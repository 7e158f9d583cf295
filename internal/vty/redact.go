package vty

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"sync/atomic"

	"flashwarden/internal/cause"
)

// excerptLength limits a quotation of device output in an error, in bytes.
const excerptLength = 160

// excerpt returns the end of the device's output, quoted; "" for none.
func (l *Line) excerpt() string {
	text := strings.TrimSpace(string(l.screen.text[max(0, len(l.screen.text)-4*excerptLength):]) + string(l.screen.line))
	if text == "" {
		return ""
	}
	return l.quote(text)
}

// quote makes device text safe to show: without passwords, with control
// characters escaped, and only its end if it is long.
func (l *Line) quote(text string) string {
	return strconv.QuoteToASCII(tail(l.cfg.redact(text), excerptLength))
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "…" + s[len(s)-n:]
}

// secret is a password that is used once. Any goroutine may use it.
type secret struct{ text atomic.Pointer[string] }

func (s *secret) get() string {
	if s == nil || s.text.Load() == nil {
		return ""
	}
	return *s.text.Load()
}

// Hide removes a password, which the next command holds, from every error and log of the
// line. The one before is no longer removed.
func (l *Line) Hide(password string) { l.cfg.oneTime.text.Store(&password) }

// redact removes the passwords from text.
func (c Config) redact(text string) string {
	for _, secret := range []string{c.Password, c.EnablePassword, c.oneTime.get()} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// redactError returns err. If its text shows a password, which can come from a
// question of the device, it returns an error with the same cause and the text
// without it.
func (c Config) redactError(err error) error {
	seen, fix := c.redact(err.Error()), cause.FixOf(err).Map(c.redact)
	if seen == err.Error() && fix.String() == cause.Hint(err) {
		return err
	}
	return cause.New(cause.Of(err), seen, fix)
}

// plain returns err with a text that is safe to show, because it may quote the
// device.
func (c Config) plain(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return errors.New("the device closed the connection")
	}
	text := c.redact(err.Error())
	safe := strconv.QuoteToASCII(text)
	if safe == `"`+text+`"` || strings.ReplaceAll(safe, `\"`, `"`) == `"`+text+`"` {
		return err
	}
	return errors.New(tail(safe, 4*excerptLength))
}
