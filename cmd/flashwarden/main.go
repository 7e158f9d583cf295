// Command flashwarden backs up the software of Cisco IOS switches and routers
// over TFTP, proves each copy and keeps it in a vault.
package main

import "os"

func main() {
	p := &program{name: os.Args[0], etc: defaultConfig, in: os.Stdin, output: output{out: os.Stdout, err: os.Stderr}, env: os.Environ()}
	os.Exit(p.main(os.Args[1:]))
}
