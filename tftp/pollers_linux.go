package tftp

import "runtime"

// pollers are the reader of ports of the system. Each port belongs to one poller, and
// with it all its sessions. So packets to several ports can use several processors, and
// the goroutines share nothing on the way of a packet. The first poller has the
// listener and, with it, the ports with one transfer: only its goroutine opens them.
type pollers []*poller

// newPollers divides the loops, of which the first is the listener, among the pollers.
func newPollers(loops []*loop) (reader, error) {
	parts := make([][]*loop, numberOfPollers(len(loops)-1))
	for i, l := range loops {
		part := &parts[i%len(parts)]
		*part = append(*part, l)
	}
	var list pollers
	for _, part := range parts {
		p, err := newPoller(part)
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

// numberOfPollers returns one for each shared port, but leaves one processor to the
// goroutines that read and write files: a poller keeps its processor even while it
// waits. On two processors, two pollers would be slower than one.
func numberOfPollers(shared int) int {
	return max(1, min(shared, runtime.GOMAXPROCS(0)-1))
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
