package netlab

import (
	"fmt"
	"os"
	"os/exec"
)

// Draw draws a cable from the namespace of the process itself to h.
func (l *Lab) Draw(h *Host) {
	out, err := exec.Command("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "home",
		"netns", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.ns.Fd())).CombinedOutput()
	if err != nil {
		l.t.Fatalf("%v %s", err, out)
	}
}
