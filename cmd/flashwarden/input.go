package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"flashwarden/internal/terminal"
)

// maxPassword is the length of the longest password that is read, in bytes.
const maxPassword = 4096

// password reads a secret: the first line of file, or the next line of standard
// input if file is "-". Without a file it asks for the secret on the terminal,
// after prompt, and also if standard input is a terminal: a secret is not echoed.
func (p *program) password(ctx context.Context, file, prompt string) (string, error) {
	switch {
	case file == "" && !terminal.IsTerminal(p.in):
		return "", usageError{errors.New("no password: give --password-file FILE, or --password-file - for standard input")}
	case file == "" || file == "-" && terminal.IsTerminal(p.in):
		secret, err := p.askPassword(ctx, prompt)
		if err == nil && secret == "" {
			err = usageError{errors.New("the password is empty")}
		}
		return secret, err
	case file == "-":
		if p.lines == nil {
			p.lines = bufio.NewReaderSize(p.in, maxPassword)
		}
		return nextLine(p.lines, "standard input")
	}
	f, err := os.Open(file)
	if err != nil {
		return "", usageError{fmt.Errorf("read password: %w", err)}
	}
	secret, err := nextLine(bufio.NewReaderSize(f, maxPassword), file)
	return secret, errors.Join(err, f.Close())
}

// newPassword is password for a secret that the user makes up now: on the terminal it is
// typed twice.
func (p *program) newPassword(ctx context.Context, file, name string) (string, error) {
	secret, err := p.password(ctx, file, passwordOf(name))
	if err != nil || file != "" && (file != "-" || !terminal.IsTerminal(p.in)) {
		return secret, err
	}
	again, err := p.askPassword(ctx, "Again, the "+strings.ToLower(passwordOf(name)[:1])+passwordOf(name)[1:])
	if err == nil && again != secret {
		err = usageError{errors.New("the two passwords are not the same: nothing was changed")}
	}
	return secret, err
}

// nextLine reads a secret from one line.
func nextLine(r *bufio.Reader, name string) (string, error) {
	text, err := r.ReadSlice('\n')
	line := strings.TrimRight(string(text), "\r\n")
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", usageError{fmt.Errorf("read password: the line in %s is longer than %d bytes", name, maxPassword)}
	case err != nil && !errors.Is(err, io.EOF):
		return "", usageError{fmt.Errorf("read password: %w", err)}
	case line == "":
		return "", usageError{fmt.Errorf("read password: the line in %s is empty", name)}
	}
	return line, nil
}

// askPassword asks for a secret on the terminal, without echo. It may be empty.
// The end of ctx, as by Ctrl-C, ends the question, and the terminal echoes
// again.
func (p *program) askPassword(ctx context.Context, prompt string) (string, error) {
	// Before the prompt, and not by the reader: it may run after the end of ctx.
	echo, err := terminal.NoEcho(p.in.(*os.File))
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	fmt.Fprint(p.err, terminal.Printable(prompt))
	defer fmt.Fprintln(p.err)
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReaderSize(p.in, maxPassword).ReadString('\n')
		if errors.Is(err, io.EOF) && line != "" { // ended with Ctrl-D
			err = nil
		}
		answers <- answer{line, err}
	}()
	select {
	case a := <-answers:
		if err := errors.Join(a.err, echo()); err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		return strings.TrimRight(a.line, "\r\n"), nil
	case <-ctx.Done(): // the reader ends with the program
		return "", errors.Join(errInterrupted, echo())
	}
}

// ask asks for a line on the terminal. It may be empty.
func (p *program) ask(ctx context.Context, question string) (string, error) {
	fmt.Fprint(p.err, terminal.Printable(question))
	line := p.readLine(ctx)
	if ctx.Err() != nil {
		return "", errInterrupted
	}
	return line, nil
}

// readLine reads a line from the terminal, without blanks around it. It is empty at the end of
// the input and after the end of ctx.
func (p *program) readLine(ctx context.Context) string {
	answer := make(chan string, 1)
	go func() {
		line, err := bufio.NewReader(p.in).ReadString('\n')
		if err != nil {
			line = ""
		}
		answer <- strings.TrimSpace(line)
	}()
	select {
	case line := <-answer:
		return line
	case <-ctx.Done(): // the reader ends with the program
		fmt.Fprintln(p.err)
		return ""
	}
}

// confirm asks a question and reports whether the answer is y or yes. Without a
// terminal, or after ctx has ended, the answer is no.
func (p *program) confirm(ctx context.Context, question string) bool {
	if !terminal.IsTerminal(p.in) {
		return false
	}
	fmt.Fprintf(p.err, "%s [y/n] ", terminal.Printable(question))
	line := strings.ToLower(p.readLine(ctx))
	return line == "y" || line == "yes"
}
