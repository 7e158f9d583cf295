package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/demo"
	"flashwarden/internal/service"
	"flashwarden/internal/warden"
)

// demoUser is the name for the login to the page of a demonstration.
const demoUser = "demo"

// demoDrain is how long a transfer of a demonstration may still run after Ctrl-C.
const demoDrain = time.Second

// serveDemo keeps the fleet and its page running until the user ends it.
func serveDemo(ctx context.Context, p *program, d *demo.Demo, dir string) error {
	l, err := demoListener(ctx)
	if err != nil {
		return err
	}
	word := strings.ToLower(rand.Text()[:12])
	if err := demoLogin(ctx, d.Warden, word); err != nil {
		return errors.Join(err, l.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var playing sync.WaitGroup
	var played error
	s := &service.Service{Local: d.Warden, Data: dir, Drain: demoDrain, Hurry: p.signals.hurry(), Listener: l, Version: readVersion().Version, Log: p.log()}
	err = s.Run(warden.As(ctx, warden.Admin(userName(), "daemon")), func() {
		if err := printDemo(p, l.Addr().String(), word); err != nil {
			p.log().Error("the address of the page cannot be printed", "err", err)
		}
		playing.Go(func() {
			if played = d.Play(ctx, d.Warden); played != nil {
				stop()
			}
		})
	})
	stop()
	playing.Wait()
	return errors.Join(err, played)
}

// demoListener listens at the usual address of the page, or at any port if another program
// has that one.
func demoListener(ctx context.Context) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", config.Default().Web.Listen)
	if err != nil {
		l, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	}
	return l, err
}

// demoLogin gives the user of the page a new password. Each demonstration has another one.
func demoLogin(ctx context.Context, w warden.Warden, word string) error {
	u := api.UserChange{Name: demoUser, Role: api.RoleAdmin, Password: word}
	users, err := w.Users(ctx)
	if err != nil {
		return err
	}
	save := w.AddUser
	for _, known := range users {
		if known.Name == demoUser {
			save = w.EditUser
		}
	}
	_, err = save(ctx, u)
	return err
}

// printDemo prints where the page is, and how to log in.
func printDemo(p *program, address, word string) error {
	url := "http://" + address
	if p.json {
		return writeJSON(&p.output, map[string]string{"url": url, "user": demoUser, "password": word})
	}
	_, err := fmt.Fprintf(p.out, `
The page:  %s
Log in as: %s   password: %s
All switches are simulated: try everything. Ctrl-C ends the demonstration.
`, url, demoUser, word)
	return err
}
