package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"flashwarden/internal/terminal"
)

// maxPassword is the length of the longest password that is read, in bytes.
const maxPassword = 4096

// password reads a secret: the first line of file, or of standard input if file
// is "-". Without a file it asks for the secret on the terminal, after prompt.
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
	if !terminal.IsTerminal(p.in) {
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

// confirm asks a question and reports whether the answer is y or yes. Without a
// terminal, or after ctx has ended, the answer is no.
func (p *program) confirm(ctx context.Context, question string) bool {
	if !terminal.IsTerminal(p.in) {
		return false
	}
	fmt.Fprintf(p.err, "%s [y/n] ", printable(question))
	answer := make(chan string, 1)
	go func() {
		line, err := bufio.NewReader(p.in).ReadString('\n')
		if err != nil {
			line = ""
		}
		answer <- line
	}()
	select {
	case line := <-answer:
		line = strings.ToLower(strings.TrimSpace(line))
		return line == "y" || line == "yes"
	case <-ctx.Done(): // the reader ends with the program
		fmt.Fprintln(p.err)
		return false
	}
}
