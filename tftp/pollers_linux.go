package tftp

import "runtime"

// pollers are the reader of ports of the system. Each port belongs to one poller, and
// with it all its sessions. So packets to several ports can use several processors, and
// the goroutines share nothing on the way of a packet. The first poller has the
// listener and, with it, the ports with one transfer: only its goroutine opens them.
type pollers []*poller

// newPollers divides the loops, of which the first is the listener, among as many
// pollers as there are processors (GOMAXPROCS), but gives each at least one shared port.
func newPollers(loops []*loop) (reader, error) {
	shared := max(1, len(loops)-1)
	n := min(runtime.GOMAXPROCS(0), shared)
	parts := make([][]*loop, n)
	for i, l := range loops {
		parts[i%n] = append(parts[i%n], l)
	}
	var list pollers
	for _, part := range parts {
		p, err := newPoller(part, n)
		if err != nil {
			for _, p := range list {
				p.close()
			}
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func (list pollers) start() {
	for _, p := range list {
		p.start()
	}
}

func (list pollers) stop() {
	for _, p := range list {
		p.stop()
	}
}

func (list pollers) add(l *loop) error { return list[0].add(l) }

func (list pollers) remove(l *loop) { list[0].remove(l) }

func (list pollers) visit() {
	for _, p := range list {
		p.visit()
	}
}
