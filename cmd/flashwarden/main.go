// Command flashwarden backs up the software of Cisco IOS switches and routers
// over TFTP, proves each copy and keeps it in a vault.
package main

import (
	"os"

	"flashwarden/internal/terminal"
)

func main() { os.Exit(newProgram().main(os.Args[1:])) }

// newProgram returns the program with the streams of this process.
func newProgram() *program {
	return &program{name: os.Args[0], in: os.Stdin, environment: environment{etc: defaultConfig, env: os.Environ()},
		output: output{out: os.Stdout, err: terminal.NewScreen(os.Stderr, nil)}}
}
