package conformance

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// Target is the server to judge.
type Target struct {
	Addr netip.AddrPort // where the server listens
	Dir  string         // the directory that it serves; this process creates, reads and removes files there

	// Patience is the time in which a packet that must come arrives. Zero: 10 s.
	// Some servers repeat a lost packet only after 5 s.
	Patience time.Duration

	// Quick leaves out the cases that take longer than a second.
	Quick bool

	// PID is the process ID of the server on this machine. Zero: the cases about
	// its memory are skipped. They need Linux.
	PID int

	// Also lists further addresses of the server, with the port of Addr. An answer
	// must come from the address that was asked.
	Also []netip.Addr

	// Broadcast is the broadcast address of the server's network. Zero: the case
	// about requests to it is skipped.
	Broadcast netip.Addr

	// Listen opens the sockets of the clients. Nil: UDP sockets of the system.
	Listen func(netip.AddrPort) (net.PacketConn, error)
}

// Level says who requires a behaviour.
type Level string

// The levels, the strictest first.
const (
	Must      Level = "MUST"      // an RFC says MUST, or the protocol breaks otherwise
	Should    Level = "SHOULD"    // an RFC says SHOULD, or recommends it
	Hardening Level = "hardening" // protects files, other hosts or the server; no RFC
)

// Case is one thing that a server must, should or had better do.
type Case struct {
	Number int
	Name   string
	Source string // the section of the RFC, or the reason
	Level  Level
	Slow   bool // takes longer than a second

	turn int // 0: together with others; else after them, alone, in this order
	run  func(*judge)
}

// String returns the number and the name.
func (c Case) String() string { return fmt.Sprintf("%03d %s", c.Number, c.Name) }

// Verdict is the result of a case.
type Verdict string

// The verdicts.
const (
	Pass Verdict = "pass"
	Fail Verdict = "fail"
	Skip Verdict = "skip" // the case does not apply to this server, or cannot be judged from here
)

// Result is the verdict about one case.
type Result struct {
	Number  int     `json:"number"`
	Name    string  `json:"name"`
	Source  string  `json:"source"`
	Level   Level   `json:"level"`
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail,omitempty"` // why it failed or was skipped
	Seconds float64 `json:"seconds"`
}

// Cases returns all cases in the order of their numbers.
func Cases() []Case {
	all := slices.Concat(requestCases(), pathCases(), optionCases(), readCases(), writeCases(), sessionCases(), abuseCases(), linkCases())
	slices.SortFunc(all, func(a, b Case) int { return a.Number - b.Number })
	return all
}

// selected returns the cases that apply to a target: first those that run at the same
// time, then those that may disturb others, in their order.
func selected(t Target, cases []Case) (together, alone []Case) {
	for _, c := range cases {
		switch {
		case t.Quick && c.Slow:
		case c.turn == 0:
			together = append(together, c)
		default:
			alone = append(alone, c)
		}
	}
	slices.SortFunc(alone, func(a, b Case) int { return a.turn - b.turn })
	return together, alone
}

// Run judges the server with all cases, each in a subtest.
func Run(t *testing.T, target Target) {
	t.Helper()
	s, err := begin(target)
	if err != nil {
		t.Fatal(err)
	}
	together, alone := selected(target, Cases())
	t.Run("together", func(t *testing.T) {
		for _, c := range together {
			t.Run(c.String(), func(t *testing.T) { t.Parallel(); report(t, s.judge(c)) })
		}
	})
	for _, c := range alone {
		t.Run(c.String(), func(t *testing.T) { report(t, s.judge(c)) })
	}
}

func report(t *testing.T, r Result) {
	t.Helper()
	switch r.Verdict {
	case Fail:
		t.Errorf("%s (%s): %s", r.Level, r.Source, r.Detail)
	case Skip:
		t.Skip(r.Detail)
	}
}

// atOnce is the number of cases that run at the same time.
const atOnce = 16

// Judge judges the server with some cases, or all of [Cases]. It returns the
// results in the order of their numbers, and calls done after each case. It returns an
// error if the server does not answer or does not serve the directory. If ctx ends,
// no further case begins, and the error is that of ctx.
func Judge(ctx context.Context, target Target, cases []Case, done func(Result)) ([]Result, error) {
	s, err := begin(target)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var results []Result
	one := func(c Case) {
		if ctx.Err() != nil {
			return
		}
		r := s.judge(c)
		mu.Lock()
		defer mu.Unlock()
		results = append(results, r)
		done(r)
	}
	together, alone := selected(target, cases)
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, c := range together {
		slots <- struct{}{}
		wg.Go(func() { defer func() { <-slots }(); one(c) })
	}
	wg.Wait()
	for _, c := range alone {
		one(c)
	}
	slices.SortFunc(results, func(a, b Result) int { return a.Number - b.Number })
	return results, ctx.Err()
}
