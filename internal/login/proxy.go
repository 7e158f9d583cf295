package login

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// secureKey is the key of requests whose client came to a trusted proxy over TLS.
type secureKey struct{}

// Secure reports whether the client of a request came over TLS, to us or to a trusted proxy.
func Secure(r *http.Request) bool {
	forwarded, _ := r.Context().Value(secureKey{}).(bool)
	return r.TLS != nil || forwarded
}

// Forwarded returns a request of a trusted proxy as its client sent it: with the address of the
// client, and over TLS if X-Forwarded-Proto says so. Any other request stays as it is: everybody
// can write these headers.
func Forwarded(r *http.Request, trusted []netip.Prefix) *http.Request {
	if !within(Address(r), trusted) {
		return r
	}
	ctx := r.Context()
	if protos := parts(r.Header["X-Forwarded-Proto"]); len(protos) > 0 && strings.EqualFold(protos[len(protos)-1], "https") {
		ctx = context.WithValue(ctx, secureKey{}, true)
	}
	as := r.WithContext(ctx)
	as.RemoteAddr = netip.AddrPortFrom(client(r, trusted), 0).String()
	return as
}

// client is the last address of X-Forwarded-For that is no trusted proxy: each proxy adds its
// own client at the end, and what stands before may be anything.
func client(r *http.Request, trusted []netip.Prefix) netip.Addr {
	from := Address(r)
	for _, text := range slices.Backward(parts(r.Header["X-Forwarded-For"])) {
		a, err := netip.ParseAddr(text)
		if err != nil {
			break
		}
		if from = a.Unmap(); !within(from, trusted) {
			break
		}
	}
	return from
}

// parts are the parts of a header that may stand in several lines.
func parts(lines []string) (all []string) {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			all = append(all, strings.TrimSpace(part))
		}
	}
	return all
}

func within(a netip.Addr, networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
}
