package vty

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// excerptLength bounds what an error quotes of a device's output, in bytes.
const excerptLength = 160

// excerpt is the end of what the device printed, quoted; "" for nothing.
func (l *Line) excerpt() string {
	text := strings.TrimSpace(string(l.screen.text[max(0, len(l.screen.text)-4*excerptLength):]) + string(l.screen.line))
	if text == "" {
		return ""
	}
	return l.quote(text)
}

// quote makes text of the device safe to show: without passwords, control
// characters escaped, only its end when it is long.
func (l *Line) quote(text string) string {
	return strconv.QuoteToASCII(tail(l.cfg.redact(text), excerptLength))
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "…" + s[len(s)-n:]
}

// redact takes the passwords out of text.
func (c Config) redact(text string) string {
	for _, secret := range []string{c.Password, c.EnablePassword} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// redactError is err, or when its text shows a password, which then was in a
// question of the device, its text and cause without it.
func (c Config) redactError(err error) error {
	seen, hint := c.redact(err.Error()), c.redact(cause.Hint(err))
	if seen == err.Error() && hint == cause.Hint(err) {
		return err
	}
	return cause.New(cause.Of(err), seen, api.Say(hint))
}

// plain is err with a text that is safe to show: it may quote the device.
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
