package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"flashwarden/api/client"
)

// overSocket is the variable that has every command of a script go through a
// daemon, which serves the data directory for as long as the command runs.
const overSocket = "TEST_OVER_SOCKET"

// mainOverSocket is main, with a daemon beside it where overSocket is set.
func mainOverSocket() {
	p := newProgram()
	if os.Getenv(overSocket) == "" || !hasDaemon(os.Args[1:]) {
		os.Exit(p.main(os.Args[1:]))
	}
	stop := startDaemon(os.Args[1:])
	code := p.main(os.Args[1:])
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "daemon:", err)
		os.Exit(99)
	}
	os.Exit(code)
}

// hasDaemon reports whether a command would find a daemon on its data
// directory: one that needs no data directory has none, and a daemon would make a
// directory that is not there yet.
func hasDaemon(args []string) bool {
	q, dir := theirs(args)
	if dir == "" || slices.ContainsFunc(args, func(a string) bool {
		return a == "serve" || a == "demo" || a == "simulate" || a == "tftpd" || a == "version" || a == "help" || a == "--help" || a == "completion"
	}) {
		return false
	}
	if _, err := os.Stat(dir + "/catalog.db"); err != nil {
		return false
	}
	if _, running, _ := client.Dial(context.Background(), dir); running {
		return false // that of another command of the script
	}
	_, err := q.config()
	return err == nil
}

// theirs is the program with the global flags of a command line, and its data
// directory; empty where it has none.
func theirs(args []string) (*program, string) {
	q := &program{environment: environment{etc: defaultConfig, env: os.Environ()}}
	for i, a := range args {
		for flag, value := range map[string]*string{"--config": &q.configFile, "--data": &q.data} {
			if a == flag && i+1 < len(args) {
				*value = args[i+1]
			} else if v, ok := strings.CutPrefix(a, flag+"="); ok {
				*value = v
			}
		}
	}
	dir, err := q.dataDir()
	if err != nil {
		return q, ""
	}
	return q, dir
}

// startDaemon starts a daemon on the data directory of a command line, in this
// process: another one would cost the time of a second start for each command.
// If no daemon can run, as on a port that another program holds, it starts
// nothing: the command has to report that by itself.
func startDaemon(args []string) (stop func() error) {
	q, dir := theirs(args)
	serve := []string{"serve", "--data", dir, "--drain", "0s"} // its command has ended
	if q.configFile != "" {
		serve = append(serve, "--config", q.configFile)
	}
	said, out := io.Pipe()
	daemon := &program{name: q.name, in: strings.NewReader(""), output: output{out: out, err: out},
		environment: environment{etc: q.etc, env: append(q.env, "FLASHWARDEN_SCHEDULE_BACKUP=never")}} // a schedule is only a service's
	cmd := daemon.command()
	cmd.SetArgs(serve)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		out.Close()
		ended <- err
	}()
	stop = func() error {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if strings.Contains(lines.Text(), `"msg":"serving"`) {
			go io.Copy(io.Discard, said) // nobody waits for its log
			return stop
		}
	}
	stop()
	return func() error { return nil }
}
