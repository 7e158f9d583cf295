// Command transports is the part of bench/transports.sh that needs our own code: it serves tickets
// over SCP and HTTPS, fetches a file by SCP, opens many transfers at once, and delays connections.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"flashwarden/internal/certificate"
	"flashwarden/internal/https"
	"flashwarden/internal/scpd"
	"flashwarden/internal/spool"
)

const usage = `transports serve DIR                          serves tickets; commands on standard input: expect SIZE COUNT, done, memory
transports pull ADDR USER KEY FILE SIZE DIR CIPHER   fetches a file by SCP into a spool
transports many scp|https ADDR SIZE                  sends a half of each ticket on standard input, and the rest after an empty line
transports relay ADDR MILLISECONDS WINDOW            delays connections to ADDR, with so many bytes on the way; prints its address`

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal(usage)
	}
	args := os.Args[2:]
	var err error
	switch os.Args[1] {
	case "serve":
		err = serve(args[0])
	case "pull":
		err = pull(args)
	case "many":
		err = many(args[0], args[1], number(args[2]))
	case "relay":
		err = relay(args[0], time.Duration(number(args[1]))*time.Millisecond, int(number(args[2])))
	default:
		log.Fatal(usage)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	return n
}

var loopback = netip.MustParseAddr("127.0.0.1")

// serve serves tickets until the end of standard input.
func serve(dir string) error {
	s, err := spool.Open(filepath.Join(dir, "spool"))
	if err != nil {
		return err
	}
	quiet := slog.New(slog.DiscardHandler)
	keys, err := scpd.HostKeys(dir, false, quiet)
	if err != nil {
		return err
	}
	own := certificate.Own{Dir: dir, Name: "https", For: "the measurement", Valid: 24 * time.Hour, RSA: true}
	cert, err := own.Config(quiet)
	if err != nil {
		return err
	}
	overSSH, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	overTLS, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go (&scpd.Server{Store: s, Keys: keys, PerSource: 1000, MaxConns: 1000}).Serve(context.Background(), overSSH)
	go (&https.Server{Store: s, TLS: https.Settings(cert, tls.VersionTLS12), PerSource: 1000, MaxConns: 1000}).Serve(context.Background(), overTLS)
	fmt.Println(overSSH.Addr(), overTLS.Addr(), own.File())
	return answer(s)
}

// answer answers the commands of standard input.
func answer(s *spool.Spool) error {
	var tickets []*spool.Ticket
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		words := strings.Fields(in.Text())
		switch words[0] {
		case "expect":
			for range number(words[2]) {
				t := s.ExpectPut(loopback, number(words[1]), time.Now().Add(time.Hour))
				tickets = append(tickets, t)
				fmt.Println(t.Name, t.Password)
			}
		case "done":
			failed := 0
			for _, t := range tickets {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				if _, err := t.Wait(ctx); err != nil {
					failed++
				}
				cancel()
				t.Close()
			}
			fmt.Println(len(tickets), failed)
			tickets = nil
		case "memory":
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			fmt.Println(m.HeapAlloc, m.StackInuse, residentKB())
		}
	}
	return nil
}

// residentKB is the memory of this process, in kB.
func residentKB() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return number(strings.Fields(rest)[0])
		}
	}
	return 0
}
