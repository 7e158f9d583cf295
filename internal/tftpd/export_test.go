package tftpd

import (
	"net/netip"
	"strings"

	"flashwarden/tftp"
)

// GroupsOf returns the groups that a server has which runs as the named user.
func GroupsOf(name string) ([]int, error) {
	a, err := lookUp(name)
	if err != nil {
		return nil, err
	}
	return a.groups, nil
}

// Rewrite returns what the rules of a map file make of a name.
func Rewrite(rules string, op tftp.Op, name string, from netip.Addr) (string, error) {
	list, err := parseRules(strings.NewReader(rules))
	if err != nil {
		return "", err
	}
	return list.rewrite(&tftp.Request{Op: op, Filename: name, Remote: netip.AddrPortFrom(from, 1)})
}
