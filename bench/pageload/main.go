// Command pageload is many people who have the page open: each follows the events as the scripts of the page do,
// and opens one view after the other. At the end, or at SIGTERM, it prints how long the views took.
//
//	pageload URL USER PASSWORD PEOPLE DURATION VIEW…
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pageload:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 6 {
		return errors.New("usage: pageload URL USER PASSWORD PEOPLE DURATION VIEW…")
	}
	people, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	lasts, err := time.ParseDuration(args[4])
	if err != nil {
		return err
	}
	f := &figures{all: make(map[string][]answer)}
	var logged []*person
	for range people {
		p, err := logIn(args[0], args[1], args[2], f)
		if err != nil {
			return err
		}
		logged = append(logged, p)
	}
	asked, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(asked, lasts)
	defer cancel()
	var all sync.WaitGroup
	for _, p := range logged {
		all.Go(func() { p.follow(ctx) })
		all.Go(func() { p.read(ctx, args[5:]) })
	}
	all.Wait()
	return f.print()
}

// person is somebody with the page open.
type person struct {
	base string
	http *http.Client
	f    *figures
}

func logIn(base, user, word string, f *figures) (*person, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	p := &person{base: base, http: &http.Client{Jar: jar, Transport: &http.Transport{}}, f: f}
	resp, err := p.http.PostForm(base+"/login", url.Values{"name": {user}, "password": {word}})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != "/" {
		return nil, fmt.Errorf("the login ends at %s with %s", resp.Request.URL, resp.Status)
	}
	return p, nil
}

// think is how long a person looks at a view: 2 to 8 s.
func think() time.Duration { return 2*time.Second + rand.N(6*time.Second) }

// read opens views until ctx ends.
func (p *person) read(ctx context.Context, views []string) {
	for sleep(ctx, rand.N(5*time.Second)); ctx.Err() == nil; sleep(ctx, think()) {
		p.open(ctx, views[rand.N(len(views))], "")
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// How often the scripts read a part again, as the templates of the page say for a large fleet.
const (
	liveEvery = time.Second
	listEvery = time.Minute
)

// follow reads the parts of the list of devices again that the events concern.
func (p *person) follow(ctx context.Context) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"/api/v1/events", nil)
	if err != nil {
		return
	}
	resp, err := p.http.Do(r)
	if err != nil {
		p.f.failed("the events")
		return
	}
	defer resp.Body.Close()
	var live, list time.Time
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		kind, _ := strings.CutPrefix(lines.Text(), "event: ")
		switch now := time.Now(); {
		case (kind == "job" || kind == "transfer") && now.Sub(live) > liveEvery:
			live = now
			p.open(ctx, "/live?device=", " (by itself)")
		case kind == "device" && now.Sub(list) > listEvery:
			list = now
			p.open(ctx, "/", " (by itself)")
		}
	}
}

// open reads a view.
func (p *person) open(ctx context.Context, view, why string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+view, nil)
	if err != nil {
		return
	}
	began := time.Now()
	resp, err := p.http.Do(r)
	if err != nil {
		if ctx.Err() == nil {
			p.f.failed(view)
		}
		return
	}
	defer resp.Body.Close()
	first := time.Since(began)
	n, err := io.Copy(io.Discard, resp.Body)
	switch {
	case ctx.Err() != nil:
	case err != nil || resp.StatusCode != http.StatusOK:
		p.f.failed(view)
	default:
		p.f.add(view+why, answer{first, time.Since(began), n})
	}
}

// answer is how long a view took, until its first and its last byte.
type answer struct {
	first, all time.Duration
	bytes      int64
}

// figures are the answers by view.
type figures struct {
	mu     sync.Mutex
	all    map[string][]answer
	errors []string
}

func (f *figures) add(view string, a answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all[view] = append(f.all[view], a)
}

func (f *figures) failed(view string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors = append(f.errors, view)
}

// print prints a line for each view, and fails if one could not be read.
func (f *figures) print() error {
	fmt.Printf("%-34s %6s %9s %9s %9s %9s %8s\n", "view", "times", "first p95", "p50", "p95", "longest", "kB")
	for _, view := range slices.Sorted(maps.Keys(f.all)) {
		some := f.all[view]
		of := func(part func(answer) time.Duration, share float64) string {
			slices.SortFunc(some, func(a, b answer) int { return int(part(a) - part(b)) })
			return fmt.Sprintf("%.1f ms", float64(part(some[int(share*float64(len(some)-1))]).Microseconds())/1000)
		}
		first, all := func(a answer) time.Duration { return a.first }, func(a answer) time.Duration { return a.all }
		fmt.Printf("%-34s %6d %9s %9s %9s %9s %8.1f\n", view, len(some), of(first, .95), of(all, .5), of(all, .95), of(all, 1), float64(some[0].bytes)/1000)
	}
	if len(f.errors) > 0 {
		return fmt.Errorf("%d answers were errors or broke off, the first one of %s", len(f.errors), f.errors[0])
	}
	return nil
}
