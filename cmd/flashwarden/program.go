package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"flashwarden/api"
	"flashwarden/api/client"
	"flashwarden/internal/config"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

// defaultConfig is read without --config, if it exists.
const defaultConfig = "/etc/flashwarden/flashwarden.yaml"

// program is one run of the command, with its streams as fields so that a
// test can run it.
type program struct {
	output
	name  string // the name that the user typed; empty: unknown
	in    io.Reader
	lines *bufio.Reader // of in, once a secret was read from it
	environment

	// Global flags, beside those of output and environment.
	mirror   string // in place of the vault; empty: the vault
	identity string // the file that reads an encrypted mirror

	doing string        // the command that runs, for other processes: "flashwarden backup sw1"
	wait  time.Duration // how long to wait for another process that serves the data directory

	mistake error // in a command line that asks for help

	sites   []string       // of serve: it backs up their devices only
	service bool           // it runs until SIGTERM, which then is no error
	signals *signals       // nil: none end the work
	conn    net.PacketConn // for TFTP requests, from systemd; nil: by the configuration

	logTo io.Writer // where log lines go; nil: err
}

// environment says where the configuration and the data are.
type environment struct {
	env        []string
	etc        string // the default configuration file; empty: none
	configFile string // the flag --config
	data       string // the flag --data
}

// main runs the command line and returns the exit code.
func (p *program) main(args []string) int {
	ctx, signals := untilSignal()
	defer signals.stop()
	p.signals = signals
	cmd := p.command()
	cmd.SetArgs(args)
	ran, err := cmd.ExecuteContextC(ctx)
	if err = cmp.Or(err, p.mistake); err != nil {
		err = withHelp(ran, err)
		// After a wrong flag, the flags behind it are not read.
		p.json = p.json || slices.Contains(args, "--json")
		p.explain(err)
	}
	if err == nil && p.service && signals.signal() == syscall.SIGTERM {
		return int(api.ExitOK)
	}
	return exitCode(err, signals.signal())
}

// command builds the command tree.
func (p *program) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "flashwarden",
		Short:         "back up the software of Cisco IOS switches and routers",
		Version:       versionLine(readVersion()),
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			p.pager = terminal.Pager(p.lookup)
			return p.setPalettes(p.getenv)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SetFlagErrorFunc(wrongFlag)
	root.SetHelpCommand(helpCommand(func() int { return p.helpLayout().Columns }))
	root.SetUsageTemplate(p.usageTemplate(root))
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
			p.mistake = seeHelp(cmd, unknownCommand(cmd, words[0]))
			return
		}
		cmd.Long = p.helpLayout().Paragraphs(cmd.Long)
		help(cmd, args)
	})
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "print the version")
	p.globalFlags(root.PersistentFlags())
	completeWords(root, "color", terminal.ColourAuto, terminal.ColourAlways, terminal.ColourNever)
	p.addCommands(root)
	root.InitDefaultHelpCmd()
	completionHelp(root)
	complete(root)
	return root
}

// globalFlagsHere is the section of cobra's usage text that the help of each command would
// repeat.
const globalFlagsHere = `Global Flags:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}`

// usageTemplate is that of cobra with our words. The global flags stand in a text of their own.
func (p *program) usageTemplate(root *cobra.Command) string {
	return strings.NewReplacer(globalFlagsHere, "Global flags, such as --data, --json, --quiet and -v: flashwarden help flags",
		"{{if .Runnable}}", "{{if and .Runnable (not (index .Annotations \""+onlySubcommands+"\"))}}", ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", p.helpLayout().Columns),
		"for more information about a command", "for the help of a command").
		Replace(root.UsageTemplate())
}

// helpLayout is the layout of a help text. Nobody reads longer lines with ease.
func (p *program) helpLayout() terminal.Layout {
	l := p.layout()
	l.Columns = min(l.Columns, 100)
	return l
}

// addCommands adds the commands in the groups of the main help.
func (p *program) addCommands(root *cobra.Command) {
	for _, group := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"start", "First steps:", []*cobra.Command{setupCommand(p)}},
		{"daily", "Daily work:", []*cobra.Command{statusCommand(p), backupCommand(p), restoreCommand(p), jobsCommand(p)}},
		{"devices", "Devices:", []*cobra.Command{deviceCommand(p), credentialCommand(p), doctorCommand(p), firewallCommand(p)}},
		{"backups", "Backups:", []*cobra.Command{snapshotsCommand(p), showCommand(p), diffCommand(p), imagesCommand(p), exportCommand(p), importCommand(p)}},
		{"vault", "Care of the vault:", []*cobra.Command{checkCommand(p), pruneCommand(p), rebuildCommand(p), catalogCommand(p), mirrorCommand(p)}},
		{"tftp", "TFTP by hand:", []*cobra.Command{offerCommand(p), receiveCommand(p), tftpdCommand(p)}},
		{"service", "Service and its users:", []*cobra.Command{serveCommand(p), notifyCommand(p), userCommand(p), tokenCommand(p), auditCommand(p)}},
		{"try", "Try it without devices:", []*cobra.Command{demoCommand(p), simulateCommand(p)}},
		{"program", "This program:", []*cobra.Command{versionCommand(&p.output), manCommand()}},
	} {
		root.AddGroup(&cobra.Group{ID: group.id, Title: group.title})
		for _, cmd := range group.commands {
			cmd.GroupID = group.id
			root.AddCommand(cmd)
		}
	}
	root.SetHelpCommandGroupID("program")
	root.SetCompletionCommandGroupID("program")
}

func (p *program) globalFlags(f *pflag.FlagSet) {
	f.StringVar(&p.configFile, "config", "", "configuration `FILE` (default "+defaultConfig+" if it exists)")
	f.StringVar(&p.data, "data", "", "data `DIR` (default $FLASHWARDEN_DATA, else /var/lib/flashwarden for root, else $XDG_DATA_HOME/flashwarden)")
	f.BoolVar(&p.json, "json", false, "print one JSON document on standard output")
	f.BoolVar(&p.quiet, "quiet", false, "print nothing on success, only failures")
	f.StringVar(&p.color, "color", terminal.ColourAuto, "`WHEN` to use colours: auto, always or never")
	f.BoolVarP(&p.verbose, "verbose", "v", false, "print complete lists, and log to standard error")
}

// with runs work through the daemon of the data directory, or in this process
// if no daemon runs.
func (p *program) with(cmd *cobra.Command, work func(context.Context, warden.Warden) error) error {
	p.signals.alsoHangup()
	p.doing = doing(cmd)
	ctx := warden.As(cmd.Context(), warden.Owner(userName()))
	w, err := p.warden(ctx)
	if err != nil {
		return err
	}
	p.later = new(strings.Builder)
	err = errors.Join(work(ctx, w), w.Close())
	return errors.Join(p.turnPages(), err)
}

// doing says for other processes what a command does, and with which devices:
// flashwarden backup sw1 sw2.
func doing(cmd *cobra.Command) string {
	words := append([]string{cmd.CommandPath()}, cmd.Flags().Args()...)
	if more := len(words) - 4; more > 0 {
		words = append(words[:4], fmt.Sprintf("and %d more", more))
	}
	for _, name := range []string{"all", "group", "site", "in-group", "in-site"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			words = append(words, strings.TrimSuffix("--"+name+" "+f.Value.String(), " true"))
		}
	}
	return terminal.OneLine(strings.Join(words, " "))
}

func (p *program) warden(ctx context.Context) (warden.Warden, error) {
	local, dir, err := p.local()
	if err != nil {
		return nil, err
	}
	if p.mirror != "" { // the daemon has its own vault
		return local, nil
	}
	c, running, err := client.Dial(ctx, dir)
	if running || err != nil {
		return c, err
	}
	return local, nil
}

// local returns the operations in this process, on the data directory and with
// the configuration that the flags and the environment name.
func (p *program) local() (local *warden.Local, dir string, err error) {
	cfg, err := p.config()
	if err != nil {
		return nil, "", err
	}
	if dir, err = p.dataDir(); err != nil {
		return nil, "", err
	}
	if p.identity != "" && p.mirror == "" {
		return nil, "", usageError{errors.New("--identity is for an encrypted mirror: give --vault TARGET too")}
	}
	mirror, err := absoluteTarget(p.mirror)
	if err != nil {
		return nil, "", err
	}
	return warden.New(warden.Options{Data: dir, Mirror: mirror, Identity: p.identity, Config: cfg, Sites: p.sites, Conn: p.conn, Log: p.log(), LogResults: p.service, Holder: p.doing, Wait: p.wait, Waiting: p.sayWaiting}), dir, nil
}

// userName is the name of the user who runs the program.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "#" + strconv.Itoa(os.Geteuid())
}

// config reads the configuration that the flags and the environment name.
func (e environment) config() (config.Config, error) {
	file := e.configFile
	if file == "" && e.etc != "" {
		// A file that exists but cannot be read is an error: it may forbid things.
		if _, err := os.Stat(e.etc); !errors.Is(err, fs.ErrNotExist) {
			file = e.etc
		}
	}
	return config.Load(file, e.env)
}

// dataDir is where flashwarden keeps everything.
func (e environment) dataDir() (string, error) {
	if e.data != "" {
		return filepath.Abs(e.data)
	}
	if dir := e.getenv("FLASHWARDEN_DATA"); dir != "" {
		return filepath.Abs(dir)
	}
	if os.Geteuid() == 0 {
		return "/var/lib/flashwarden", nil
	}
	base := e.getenv("XDG_DATA_HOME")
	if base == "" {
		home := e.getenv("HOME")
		if home == "" {
			return "", usageError{fmt.Errorf("no data directory: set --data or $FLASHWARDEN_DATA")}
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "flashwarden"), nil
}

func (e environment) getenv(name string) string {
	value, _ := e.lookup(name)
	return value
}

// lookup returns a variable of the environment, and whether it is set.
func (e environment) lookup(name string) (value string, set bool) {
	for i := len(e.env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(e.env[i], name+"="); ok {
			return v, true
		}
	}
	return "", false
}
