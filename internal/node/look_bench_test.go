package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/iossim"
)

// BenchmarkLook measures the processor time of a look, without that of its login. The time
// of the simulated device is part of it. The large device has 500 files and 2,000 lines of
// configuration more.
func BenchmarkLook(b *testing.B) {
	for name, more := range map[string]int{"usual": 0, "large": 500} {
		b.Run(name, func(b *testing.B) {
			n := openNode(b)
			s := startSwitch(b, n, "c9300", iossim.Options{LargestImage: 40_000}, false)
			var lines strings.Builder
			for i := range more {
				must(b, s.Write(fmt.Sprintf("flash:/page%03d.htm", i), []byte("page")))
				fmt.Fprintf(&lines, "interface Vlan%d\n description floor %d\n no ip address\n!\n", i, i)
			}
			must(b, s.EditRunningConfig("\nend", "\n"+lines.String()+"end"))
			d := deviceOf(b, n, "sw1", s)
			if r := n.Backup(b.Context(), []api.Device{d}, api.Backup{}, nil, nil)[0]; r.Status != api.StatusOK {
				b.Fatal(r.Message)
			}
			logins := processorTime(b, func() {
				dev, err := n.Dial(b.Context(), d)
				must(b, err)
				must(b, dev.Close())
			})
			looks := processorTime(b, func() {
				if r := n.Backup(b.Context(), []api.Device{d}, api.Backup{Look: true}, nil, nil)[0]; r.Status != api.StatusUnchanged {
					b.Fatal(r.Status, r.Message, r.Notes)
				}
			})
			b.ReportMetric(logins.Seconds()*1000, "ms-login")
			b.ReportMetric((looks-logins).Seconds()*1000, "ms-look")
		})
	}
}

// processorTime is the mean time of the processor that do takes, b.N times.
func processorTime(b *testing.B, do func()) time.Duration {
	before := usage(b)
	for range b.N {
		do()
	}
	return (usage(b) - before) / time.Duration(b.N)
}

func usage(b *testing.B) time.Duration {
	var u unix.Rusage
	must(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
