package firewall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// maxListing limits the output of a program that lists rules, in bytes.
const maxListing = 64 << 20

// ErrNoRight reports that this user may not read the rules.
var ErrNoRight = errors.New("the rules of the packet filter can only be read as root")

// ErrNoTool reports that the program that lists the rules is not installed.
var ErrNoTool = errors.New("nft is not installed, so the rules of the packet filter cannot be read")

// Read reads the rules of this host, or of the process's network namespace, and
// changes nothing. It runs nft. If nft does not show rules of iptables or ufw
// completely, it also runs iptables-save. Rules of legacy iptables are read with
// their own program. Errors: ErrNoRight, ErrNoTool, or a failure of a program.
func Read(ctx context.Context) (*Ruleset, error) {
	all, opaque, err := readNFT(ctx)
	if err != nil {
		return nil, err
	}
	for _, tool := range []string{"iptables", "ip6tables"} {
		if err := all.readSaved(ctx, tool, opaque); err != nil {
			return nil, err
		}
		if err := all.readLegacy(ctx, tool); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func readNFT(ctx context.Context) (*Ruleset, []string, error) {
	document, err := run(ctx, "nft", "-j", "list", "ruleset")
	if errors.Is(err, ErrNoTool) && !inKernel("nf_tables") {
		return &Ruleset{}, nil, nil // without nf_tables there are no rules
	}
	if err != nil {
		return nil, nil, err
	}
	text, err := run(ctx, "nft", "-a", "list", "ruleset")
	if err != nil {
		return nil, nil, err
	}
	return parseNFT(document, string(text))
}

func inKernel(module string) bool {
	_, err := os.Stat("/sys/module/" + module)
	return err == nil
}

// readSaved reads tables of iptables with iptables-save if nft does not show their
// rules completely. Without that program the rules stay as nft shows them, and
// cannot be evaluated.
func (r *Ruleset) readSaved(ctx context.Context, tool string, opaque []string) error {
	family := map[string]string{"iptables": "ip", "ip6tables": "ip6"}[tool]
	ours := func(p Place) bool {
		return p.Tool == "nft" && p.Family == family && slices.Contains(opaque, p.Family+" "+p.Table)
	}
	if !slices.ContainsFunc(r.bases, func(b *base) bool { return ours(b.place) }) {
		return nil
	}
	text, err := run(ctx, tool+"-nft-save")
	if errors.Is(err, ErrNoTool) {
		return nil
	}
	if err != nil {
		return err
	}
	saved, err := parseSaved(tool, string(text))
	if err != nil {
		return err
	}
	r.bases = slices.DeleteFunc(r.bases, func(b *base) bool { return ours(b.place) })
	for _, b := range saved.bases {
		if slices.Contains(opaque, family+" "+b.place.Table) {
			r.bases = append(r.bases, b)
		}
	}
	r.markUFW()
	return nil
}

// readLegacy adds the tables of legacy iptables, if the kernel has some.
func (r *Ruleset) readLegacy(ctx context.Context, tool string) error {
	names, err := os.ReadFile("/proc/net/" + strings.Replace(tool, "tables", "_tables", 1) + "_names")
	if err != nil || len(bytes.TrimSpace(names)) == 0 {
		return nil // the kernel has no such tables
	}
	text, err := run(ctx, tool+"-legacy-save")
	if errors.Is(err, ErrNoTool) {
		return fmt.Errorf("there are rules of legacy %s, but %s-legacy-save, which lists them, is not installed", tool, tool)
	}
	if err != nil {
		return err
	}
	saved, err := parseSaved(tool, string(text))
	if err != nil {
		return err
	}
	for _, b := range saved.bases {
		b.place.Tool += "-legacy"
	}
	r.bases = append(r.bases, saved.bases...)
	return nil
}

// markUFW sets ufw as the tool of the chains that jump to ufw's chains.
func (r *Ruleset) markUFW() {
	for _, b := range r.bases {
		if b.place.Table == "filter" && slices.ContainsFunc(b.chain.rules, func(r *rule) bool { return strings.Contains(r.quote, "-j ufw") }) {
			b.place.Tool = "ufw"
		}
	}
}

// run runs a program that lists rules. It also looks in the sbin directories,
// which are not in the PATH of ordinary users.
func run(ctx context.Context, name string, args ...string) ([]byte, error) {
	path, err := find(name)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", ErrNoTool, name)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	switch said := strings.TrimSpace(errs.String()); {
	case err != nil && (strings.Contains(said, "ermission denied") || strings.Contains(said, "not permitted") || strings.Contains(said, "must be root")):
		return nil, ErrNoRight
	case err != nil:
		return nil, fmt.Errorf("list the rules with %s: %w: %s", name, err, said)
	}
	return out.Bytes(), nil
}

func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}
