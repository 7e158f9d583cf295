// Command night measures the service with simulated devices on loopback: their first backups, a night in
// which nothing changes, backups of a person meanwhile, the start, and uploads beside those to the bare
// TFTP server. It prints the chapter of docs/performance.md.
//
//	night -flashwarden PROGRAM -work DIR [-devices 10000] [-first 1000] [-images 10] [-parallel 100]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"flashwarden/api"
)

// night is one measurement.
type night struct {
	program, work     string
	devices, first    int // in all, and of them those of the first measurement
	images, parallel  int
	uploads, megabyte int // at once, and the size of each
	port, sshPort     int // of the TFTP server, which also has the four ports after it; of the devices
	service           *service
	rows              [][3]string // what, target, measured
}

func main() {
	n := &night{}
	flag.StringVar(&n.program, "flashwarden", "", "the program to measure")
	flag.StringVar(&n.work, "work", "", "an empty directory")
	flag.IntVar(&n.devices, "devices", 10000, "simulated devices")
	flag.IntVar(&n.first, "first", 1000, "of them, those whose first backup is measured")
	flag.IntVar(&n.images, "images", 10, "distinct images")
	flag.IntVar(&n.parallel, "parallel", 100, "backups at once")
	flag.IntVar(&n.uploads, "uploads", 200, "uploads at once")
	flag.IntVar(&n.megabyte, "megabytes", 2, "size of each upload")
	flag.IntVar(&n.port, "port", 17069, "UDP port of the TFTP server; it also uses the four ports after it")
	flag.IntVar(&n.sshPort, "ssh-port", 17022, "TCP port of all devices, each at its own address")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := n.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "night:", err)
		os.Exit(1)
	}
}

func (n *night) data() string { return filepath.Join(n.work, "data") }

// row keeps a result for the table.
func (n *night) row(what, target, format string, args ...any) {
	n.rows = append(n.rows, [3]string{what, target, fmt.Sprintf(format, args...)})
	n.say("%s: %s", what, n.rows[len(n.rows)-1][2])
}

// say reports how far the measurement is.
func (n *night) say(format string, args ...any) {
	fmt.Fprintln(os.Stderr, time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

func (n *night) run(ctx context.Context) (err error) {
	n.first = min(n.first, n.devices)
	f, err := n.startFleet()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := n.command("device", "import", f.list); err != nil {
		return err
	}
	for _, measure := range []func(context.Context) error{n.firstNight, n.quietNight, n.idle, n.transfers} {
		err := measure(ctx)
		err = errors.Join(err, n.service.end())
		if n.service = nil; err != nil {
			return err
		}
	}
	fmt.Printf("Made by `bench/night.sh`: %d simulated devices at %d sites and the service share %d processors.\n\n| work | target | measured |\n|---|---|---|\n",
		n.devices, sites(n.devices), processors())
	for _, r := range n.rows {
		fmt.Printf("| %s | %s | %s |\n", r[0], r[1], r[2])
	}
	return nil
}

// firstNight backs up the first devices into an empty vault, and once more when only logins and digests
// are left to do. Then it backs up all others.
func (n *night) firstNight(ctx context.Context) error {
	if err := n.serve(ctx, "never"); err != nil {
		return err
	}
	all, took, err := n.backup(ctx, "first")
	if err != nil {
		return err
	}
	copied := 0
	for _, r := range all {
		copied += len(slices.DeleteFunc(r.Files, func(f api.File) bool { return f.Kind != api.KindImage || !f.Copied }))
	}
	_, again, err := n.backup(ctx, "first")
	if err != nil {
		return err
	}
	n.row(fmt.Sprintf("%d devices on %d images, empty vault", n.first, n.images), fmt.Sprintf("%d images cross the wire; 1.2 × of a backup that copies nothing", n.images),
		"%d images; %.0f s, %.2f × of %.0f s", copied, took.Seconds(), took.Seconds()/again.Seconds(), again.Seconds())
	if n.first < n.devices {
		_, took, err = n.backup(ctx, "rest")
		n.say("the first backups of the others took %.0f s", took.Seconds())
	}
	return err
}

// backup backs up a group, and returns how long it took. A failure is an error.
func (n *night) backup(ctx context.Context, group string) ([]api.BackupResult, time.Duration, error) {
	begun := time.Now()
	all, err := n.service.client.Backup(ctx, api.Backup{Select: api.Select{Group: group}}, nil)
	for _, r := range all {
		if r.Status != api.StatusOK && err == nil {
			err = fmt.Errorf("backup of %s: %s %s", r.Device, r.Cause, r.Message)
		}
	}
	return all, time.Since(begun), err
}

// idle measures the start with all devices in the inventory, and the service when it has nothing to do.
func (n *night) idle(ctx context.Context) error {
	begun := time.Now()
	if err := n.serve(ctx, "weekly Sun 03:00"); err != nil {
		return err
	}
	ready := time.Since(begun)
	const over = 30 * time.Second
	if err := pause(ctx, 5*time.Second); err != nil {
		return err
	}
	before := n.service.cpu()
	if err := pause(ctx, over); err != nil {
		return err
	}
	n.row(fmt.Sprintf("start to ready with %d devices", n.devices), "1 s", "%.2f s", ready.Seconds())
	n.row("idle", "1 % of a processor, 80 MB", "%.1f %%, %d MB", 100*(n.service.cpu()-before).Seconds()/over.Seconds(), n.service.memory("VmRSS"))
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
