package iossim

import (
	"fmt"
	"slices"
)

// The copy dialogue of IOS up to 12.0, after the examples of the Configuration
// Fundamentals Command Reference, in its one-line form. Its questions need a
// whole word as answer, and the line of success has no byte count.

// oldCopyOut sends a file to a TFTP server.
func (c *copying) oldCopyOut(from string, to tftpURL) {
	f, shown, err := c.sw.open(from)
	if err != nil {
		c.say(readError(asTyped(from, shown), err))
		return
	}
	if !c.trickQuestions(from, true) || !c.oldConsent(f, to) {
		return
	}
	c.send(f, shown, to)
}

// oldConsent asks whether to copy.
func (c *copying) oldConsent(f file, to tftpURL) bool {
	if f.isConfig() {
		return c.agreedClose("Write file " + to.name + " on host " + to.host + "?")
	}
	c.say(fmt.Sprintf("Verifying checksum for '%s' (file # %d)... OK\n", f.path, f.index))
	yes, ok := c.yesNo(fmt.Sprintf("Copy '%s' from Flash to server\n  as '%s'? [yes/no]", f.path, to.name))
	return yes && ok
}

// isConfig reports whether a file is a configuration in nvram: and no file in
// flash.
func (f file) isConfig() bool {
	return slices.Contains([]string{"startup-config", "private-config", "running-config"}, f.path)
}

// askPartition asks for the partition of a path that names none, if its flash has
// several or the fault AskPartition strikes. Any answer but q continues. It reports
// false if the person broke off.
func (c *copying) askPartition(path string) bool {
	fs, _, err := c.sw.flash.split(path)
	if err == nil && len(c.sw.flash.partitions(fs)) > 0 {
		return c.whichPartition()
	}
	if !c.sw.strikes(func(f *Faults) *Times { return &f.AskPartition }) {
		return true
	}
	return c.whichPartition()
}

func (c *copying) whichPartition() bool {
	c.say(`
System flash
Partition   Size    Used      Free      Bank-Size  State          Copy Mode
  1         4096K   3070K     1025K      4096K     Read/Write     Direct
  2         4096K   1671K     2424K      4096K     Read/Write     Direct
[Type ?<no> for partition directory; ? for full directory; q to abort]
`)
	e := lineEditor{t: c.term, prompt: "Which partition? [default = 1] "}
	answer, err := e.read()
	c.sw.note("Which partition? [default = 1] " + answer)
	return err == nil && answer != "q"
}

// oldCopied returns the last lines of a successful copy that took secs seconds.
func oldCopied(f file, secs int64) string {
	if f.isConfig() {
		return "[OK]\n"
	}
	return fmt.Sprintf("Upload to server done\nFlash copy took %d:%02d:%02d [hh:mm:ss]\n", secs/3600, secs/60%60, secs%60)
}
