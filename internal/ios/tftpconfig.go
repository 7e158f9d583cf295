package ios

import (
	"strconv"
	"strings"

	"flashwarden/internal/lazyregexp"
)

// TFTPConfig is the TFTP part of the running-config (show running-config
// include tftp).
type TFTPConfig struct {
	Lines           []string // every line about TFTP, verbatim
	SourceInterface string   // of ip tftp source-interface; empty: the interface nearest to the server
	BlockSize       int      // of ip tftp blocksize, in bytes; 0 when not set
	Servers         []string // files that the device serves itself (tftp-server)
}

var (
	tftpSource = lazyregexp.New(`^ip tftp source-interface (\S.*)$`)
	tftpBlock  = lazyregexp.New(`^ip tftp blocksize (\d{1,5})$`)
	tftpServed = lazyregexp.New(`^tftp-server (\S.*)$`)
)

// ParseTFTPConfig reads show running-config
// include tftp (Cisco IOS Configuration Fundamentals Command Reference, "ip
// tftp source-interface"). Output without a line about TFTP is no error: all
// settings have their default.
func ParseTFTPConfig(text string) (TFTPConfig, error) {
	if err := Rejected(text); err != nil {
		return TFTPConfig{}, nothingRead("show running-config", "line", text)
	}
	var c TFTPConfig
	for _, line := range linesOf(text) {
		line = strings.TrimSpace(line)
		if !strings.Contains(line, "tftp") || isPromptOrEcho(line) {
			continue
		}
		c.Lines = append(c.Lines, line)
		if m := tftpSource.FindStringSubmatch(line); m != nil {
			c.SourceInterface = m[1]
		} else if m := tftpBlock.FindStringSubmatch(line); m != nil {
			c.BlockSize, _ = strconv.Atoi(m[1]) // at most five digits
		} else if m := tftpServed.FindStringSubmatch(line); m != nil {
			c.Servers = append(c.Servers, m[1])
		}
	}
	return c, nil
}
