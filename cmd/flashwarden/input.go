package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"flashwarden/api"
	"flashwarden/internal/node"
)

// maxPassword bounds what is read as a password, in bytes.
const maxPassword = 4096

// password reads a secret: the first line of file, of standard input for "-",
// or, without a file, what is typed on the terminal after prompt.
func (p *program) password(file, prompt string) (string, error) {
	switch file {
	case "":
		return p.askPassword(prompt)
	case "-":
		return firstLine(p.in, "standard input")
	}
	f, err := os.Open(file)
	if err != nil {
		return "", usageError{fmt.Errorf("read password: %w", err)}
	}
	secret, err := firstLine(f, file)
	return secret, errors.Join(err, f.Close())
}

func firstLine(r io.Reader, name string) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPassword)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read password from %s: %w", name, err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", usageError{fmt.Errorf("read password: the first line of %s is empty", name)}
	}
	return line, nil
}

func (p *program) askPassword(prompt string) (string, error) {
	if !terminal(p.in) {
		return "", usageError{errors.New("no password: give --password-file FILE, or --password-file - for standard input")}
	}
	fmt.Fprint(p.err, prompt)
	secret, err := term.ReadPassword(int(p.in.(*os.File).Fd()))
	fmt.Fprintln(p.err)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	if len(secret) == 0 {
		return "", usageError{errors.New("the password is empty")}
	}
	return string(secret), nil
}

// askHostKey asks whether an unknown SSH host key is the device's own.
func (p *program) askHostKey(host, fingerprint string) bool {
	if !terminal(p.in) {
		return false
	}
	fmt.Fprintf(p.err, "%s shows the unknown host key %s\nTrust it from now on? [yes/no] ", printable(host), printable(fingerprint))
	answer, err := bufio.NewReader(p.in).ReadString('\n')
	return err == nil && strings.TrimSpace(answer) == "yes"
}

// withNode opens the data directory, does the work and closes it.
func (p *program) withNode(ctx context.Context, work func(*node.Node) error) error {
	n, err := p.node(ctx)
	if err != nil {
		return err
	}
	return errors.Join(work(n), n.Close())
}

// completeDevices completes device names in a shell.
func (p *program) completeDevices(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	err := p.withNode(cmd.Context(), func(n *node.Node) error {
		devices, err := n.Catalog.Devices(cmd.Context(), api.Select{})
		for _, d := range devices {
			names = append(names, d.Name)
		}
		return err
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeSnapshots completes snapshot IDs in a shell.
func (p *program) completeSnapshots(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var ids []string
	err := p.withNode(cmd.Context(), func(n *node.Node) error {
		rows, err := n.Catalog.Snapshots(cmd.Context(), "")
		for _, r := range rows {
			ids = append(ids, r.ID)
		}
		return err
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// tenths is d in seconds with one decimal.
func tenths(d time.Duration) float64 { return math.Round(d.Seconds()*10) / 10 }
