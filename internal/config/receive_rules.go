package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// receiveSection is a list, so it has no environment variables.
const receiveSection = "receive"

// ReceiveRule is one rule of the list receive. It permits devices to upload files
// while `flashwarden receive` runs.
type ReceiveRule struct {
	From    netip.Prefix // addresses of the devices
	Name    string       // pattern for the file name with *, ? and [a-z], see path.Match; * does not match a slash
	MaxSize int64        // bytes
	Device  string       // the device that the snapshot belongs to; empty: the device with the sender's address
}

// DefaultMaxSize is the default limit for the size of a received file in bytes.
const DefaultMaxSize = 2_000_000_000

// receiveKeys sets the keys of one rule.
var receiveKeys = map[string]func(r *ReceiveRule, v string) error{
	"from":     func(r *ReceiveRule, v string) (err error) { r.From, err = prefix(v); return },
	"name":     func(r *ReceiveRule, v string) (err error) { r.Name, err = pattern(v); return },
	"max-size": func(r *ReceiveRule, v string) (err error) { r.MaxSize, err = ParseSize(v); return },
	"device":   func(r *ReceiveRule, v string) error { r.Device = v; return nil },
}

// receive reads the list of rules.
func (s source) receive(c *Config, body ast.Node) error {
	return s.items(body, receiveSection, func(item ast.Node) error {
		rule := ReceiveRule{Name: "*", MaxSize: DefaultMaxSize}
		err := s.item(item, receiveSection, []string{"from", "name", "max-size", "device"}, func(key, value string) error {
			return receiveKeys[key](&rule, value)
		})
		if err == nil && !rule.From.IsValid() {
			err = s.at(item.GetToken(), receiveSection, "the rule has no sender: add the key from, with an address or a network such as 192.0.2.0/24")
		}
		c.Receive = append(c.Receive, rule)
		return err
	})
}

func prefix(v string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(v); err == nil && a.Zone() == "" && !a.IsUnspecified() {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(v)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network such as 192.0.2.0/24", v)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has bits set after its prefix; the network is %s", v, p.Masked())
	}
	return p, nil
}

func pattern(v string) (string, error) {
	if v == "" {
		return "", errors.New(`the pattern is empty; write "*" for any name`)
	}
	if _, err := path.Match(v, "x"); err != nil {
		return "", fmt.Errorf("%q is not a valid pattern of *, ? and [a-z]", v)
	}
	if strings.HasPrefix(v, "/") || slices.Contains(strings.Split(v, "/"), "..") {
		return "", fmt.Errorf("%q can match no name: accepted names have no part \"..\" and no leading slash", v)
	}
	return v, nil
}

// sizeUnits are the units of ParseSize, longer ones first.
var sizeUnits = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1},
}

// ParseSize reads a size such as 2GB, 500kB, 1.5MiB or a plain number, and returns
// it in bytes. It returns an error for sizes below one byte.
func ParseSize(v string) (int64, error) {
	for _, unit := range sizeUnits {
		text, ok := strings.CutSuffix(strings.TrimSpace(v), unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !(n*unit.bytes >= 1 && n*unit.bytes < math.MaxInt64) || strings.ContainsAny(text, "xXpPeE_+") {
			break
		}
		return int64(n * unit.bytes), nil
	}
	return 0, fmt.Errorf("%q is not a size of at least one byte, such as 10MB or 2GB", v)
}
