package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/testports"
)

// TestMain lets scripts run the program as the command flashwarden.
func TestMain(m *testing.M) {
	testscript.Main(manyAtOnce{m}, map[string]func(){"flashwarden": mainOverSocket})
}

// manyAtOnce runs more scripts side by side than there are processors: they
// mostly wait.
type manyAtOnce struct{ *testing.M }

func (m manyAtOnce) Run() int {
	testlevel.SideBySide()
	return m.M.Run()
}

// TestScripts runs testdata/*.txtar, which read like the manual. Beside the
// commands of testscript they have:
//
//	exit CODE flashwarden ARG...     run it; it must end with CODE
//	switch NAME PROFILE [KEY=VALUE...]   start a simulated switch; its address is in $NAME
//	unswitch NAME                    stop it
//	typed NAME FILE                  write the commands typed on the switch into FILE
//	await NAME TEXT                  wait until a line with the text was typed on the switch
//	until COMMAND                    repeat a command of sh until it succeeds, for a minute at most
//	digests NAME FILE                write "SHA256 PATH" of its files into FILE
//	wipe NAME                        empty its flash and its boot settings, as if it had been erased while it ran
//	remove NAME PATH                 delete one of its files
//	damage NAME PATH                 write other bytes into one of its files
//	fill NAME PATH BYTES             put a file of so many bytes into its flash
//	booting NAME FILE                write what it boots next into FILE, one a line
//	jumphost NAME PUBLICKEY [LINE...]   start OpenSSH's sshd, which lets the key in; its USER@HOST:PORT is in $NAME
//	bucket NAME                      start versitygw with the bucket vault; its address is in $NAME, its keys in the environment
//	holdport FIRST:LAST              hold a UDP port as another program would; without an argument give it back
func TestScripts(t *testing.T) { runScripts(t, false, setUpScript) }

// TestScriptsOverSocket runs the same scripts with a daemon beside every
// command: output, JSON and exit codes are the same.
func TestScriptsOverSocket(t *testing.T) {
	testlevel.NeedFull(t, "every script once more, with a daemon for each command")
	runScripts(t, true, func(env *testscript.Env) error {
		env.Setenv(overSocket, "1")
		return setUpScript(env)
	})
}

// runScripts runs all scripts. The condition "socket" is for those that start a service of
// their own: once is enough.
func runScripts(t *testing.T, socket bool, setUp func(*testscript.Env) error) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: setUp,
		Condition: func(name string) (bool, error) {
			if name == "socket" {
				return socket, nil
			}
			return hasPeer(name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit": cmdExit, "switch": cmdSwitch, "unswitch": cmdUnswitch, "typed": cmdTyped, "await": cmdAwait, "until": cmdUntil, "digests": cmdDigests, "wipe": cmdWipe, "booting": cmdBooting, "remove": cmdRemove, "damage": cmdDamage, "fill": cmdFill, "holdport": cmdHoldPort, "jumphost": cmdJumpHost, "bucket": cmdBucket, "webhook": cmdWebhook,
		},
	})
}

// switches are the simulated switches of one script, by name.
type switches map[string]*iossim.Switch

type switchesKey struct{}

var ports = testports.NewRange(21_000)

// setUpScript gives a script a data directory, a TFTP port and a port range.
func setUpScript(env *testscript.Env) error {
	first := ports.Next(8)
	port := first + 4
	env.Setenv("FLASHWARDEN_DATA", env.WorkDir+"/data")
	env.Setenv("FLASHWARDEN_WEB_LISTEN", "127.0.0.1:0")
	env.Setenv("FLASHWARDEN_TFTP_LISTEN", fmt.Sprintf("127.0.0.1:%d", port))
	env.Setenv("FLASHWARDEN_TFTP_PORT_RANGE", fmt.Sprintf("%d:%d", first, first+3))
	env.Setenv("TFTP_PORT", strconv.Itoa(port))
	env.Setenv("HOME", env.WorkDir)
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	env.Setenv("README", here+"/../../README.md")
	env.Setenv("FIXTURE", here+"/../../internal/vault/testdata/format-2")
	all := make(switches)
	env.Values[switchesKey{}] = all
	env.Values[heldKey{}] = &held{}
	env.Defer(func() {
		for _, s := range all {
			s.Close()
		}
		endServices(env.WorkDir)
	})
	return nil
}

// endServices ends the processes that a script which failed has left: their numbers are in files.
func endServices(dir string) {
	for _, pattern := range []string{"pid", "*.pid", "command", "follower"} {
		files, _ := filepath.Glob(filepath.Join(dir, pattern)) // the patterns are right
		for _, file := range files {
			endService(file, dir)
		}
	}
}

// endService ends the process whose number is in a file, if it is one of the script in dir.
func endService(file, dir string) {
	text, err := os.ReadFile(file)
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return
	}
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err == nil && strings.Contains(string(environment), "FLASHWARDEN_DATA="+dir+"/") { // else another process has the number now
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile
	}
}

// untilLasts is how long a script waits for something.
const untilLasts = time.Minute

func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: until COMMAND")
	}
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		err := ts.Exec("sh", "-c", args[0])
		if err == nil {
			return
		}
		if time.Since(begun) > untilLasts {
			ts.Fatalf("after %s, still %v: %s", untilLasts, err, args[0])
		}
	}
}

func cmdExit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE[,CODE] COMMAND ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if !slices.Contains(strings.Split(args[0], ","), strconv.Itoa(code)) {
		ts.Fatalf("ended with %d, want %s", code, args[0])
	}
}

func cmdSwitch(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: switch NAME PROFILE [KEY=VALUE...]")
	}
	port, err := strconv.ParseUint(ts.Getenv("TFTP_PORT"), 10, 16)
	ts.Check(err)
	o := iossim.Options{Hostname: args[0], Username: "backup", Password: "s3cret-Login", EnablePassword: "s3cret-Enable", TFTPPort: uint16(port)}
	for _, arg := range args[2:] {
		key, value, _ := strings.Cut(arg, "=")
		if key == "authorized" || key == "access" {
			value = ts.ReadFile(value)
		}
		ts.Check(setOption(&o, key, value))
	}
	s, err := iossim.New(args[1], o)
	ts.Check(err)
	ts.Check(s.Start())
	ts.Value(switchesKey{}).(switches)[args[0]] = s
	ts.Setenv(args[0], s.Addr().String())
}

// setOption sets an option or a fault of a simulated switch by its name in a
// script.
func setOption(o *iossim.Options, key, value string) error {
	number, err := strconv.ParseInt("0"+value, 10, 64)
	f := &o.Faults
	times := map[string]*iossim.Times{
		"erase": &f.AskErase, "overwrite": &f.AskOverwrite, "unknown": &f.AskUnknown, "short": &f.ShortBlock, "flip": &f.FlipBit,
		"hangterminal": &f.HangTerminal, "partial": &f.LeavePartial, "notftp": &f.NoTFTP, "noise": &f.SyslogNoise, "slow": &f.SlowPrint, "noverify": &f.RejectVerify, "nomd5": &f.RejectMD5,
	}
	switch t, isFault := times[key]; {
	case isFault:
		*t = iossim.Always
		if value != "" {
			*t = iossim.Times(number)
		}
		return err
	case key == "image": // bytes of its large images
		o.LargestImage = number
		return err
	case key == "hangup":
		f.Hangup = iossim.After{Bytes: number, Times: 1}
		return err
	case key == "stall":
		f.Stall = iossim.After{Bytes: number, Times: iossim.Always}
		return err
	case key == "damaged":
		f.DamagedImages = true
		return nil
	case key == "digestpace":
		o.DigestPace = int(number)
		return err
	case key == "authorized":
		o.AuthorizedKey = value
	case key == "access": // what show access-lists prints of a list FROM, which is applied on the uplink
		o.AccessGroup, o.Texts = "FROM in", map[string]string{"show_access_lists": value}
	case key == "listen":
		o.Listen = value
	case key == "key":
		o.HostKeySeed = value
	case key == "timeout": // seconds after which its TFTP client gives up
		o.Timeout = time.Duration(number) * time.Second
		return err
	case key == "scp": // its SCP server is on, for an account of level 15
		o.SCPServer, o.Privilege = true, 15
	case key == "pace":
		o.Pace = int(number)
		return err
	case key == "source":
		o.Source, err = netip.ParseAddr(value)
		return err
	default:
		return fmt.Errorf("unknown option %q", key)
	}
	return nil
}

// held is the port that a script holds.
type held struct{ conn net.PacketConn }

type heldKey struct{}

func cmdHoldPort(ts *testscript.TestScript, _ bool, args []string) {
	h := ts.Value(heldKey{}).(*held)
	if len(args) == 0 {
		ts.Check(h.conn.Close())
		return
	}
	_, last, _ := strings.Cut(args[0], ":")
	var err error
	h.conn, err = net.ListenPacket("udp4", "127.0.0.1:"+last)
	ts.Check(err)
	ts.Defer(func() { h.conn.Close() })
}

func cmdUnswitch(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(theSwitch(ts, args).Close())
}

func theSwitch(ts *testscript.TestScript, args []string) *iossim.Switch {
	if len(args) == 0 {
		ts.Fatalf("which switch?")
	}
	s := ts.Value(switchesKey{}).(switches)[args[0]]
	if s == nil {
		ts.Fatalf("no switch %s", args[0])
	}
	return s
}

// cmdAwait has no limit of its own: go test has one.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await NAME TEXT")
	}
	for s := theSwitch(ts, args); !strings.Contains(strings.Join(s.Commands(), "\n"), args[1]); {
		time.Sleep(10 * time.Millisecond)
	}
}

func cmdTyped(ts *testscript.TestScript, _ bool, args []string) {
	lines := strings.Join(theSwitch(ts, args).Commands(), "\n") + "\n"
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(lines), 0o600))
}

func cmdDigests(ts *testscript.TestScript, _ bool, args []string) {
	s := theSwitch(ts, args)
	var lines []string
	for _, p := range s.Files() {
		data, ok := s.File(p)
		if !ok {
			ts.Fatalf("no file %s", p)
		}
		lines = append(lines, fmt.Sprintf("%x %s", sha256.Sum256(data), p))
	}
	slices.Sort(lines)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

func cmdWipe(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(theSwitch(ts, args).Wipe())
}

func cmdRemove(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(theSwitch(ts, args).Remove(args[1]))
}

func cmdBooting(ts *testscript.TestScript, _ bool, args []string) {
	lines := strings.Join(theSwitch(ts, args).BootNext(), "\n") + "\n"
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(lines), 0o600))
}

func cmdDamage(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(theSwitch(ts, args).Write(args[1], []byte("damaged\n")))
}

func cmdFill(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	ts.Check(theSwitch(ts, args).Write(args[1], make([]byte, n)))
}
