package service

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/httpapi"
	"flashwarden/internal/oidc"
	"flashwarden/internal/web"
)

// web is the task of the API over TCP.
func (s *Service) web(ctx, limit context.Context, ready func()) error {
	l := s.Listener
	if l == nil {
		var err error
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", s.Web.Listen); err != nil {
			return cause.WithFix(fmt.Errorf("the API cannot listen on %s: %w", s.Web.Listen, err),
				api.Say("choose another address with ").Set("web.listen", "").Say(" in the configuration"))
		}
	}
	defer l.Close()
	encrypted, err := s.tls()
	if err != nil {
		return err
	}
	s.Log.Info("the API listens", "address", l.Addr().String(), "tls", encrypted != nil)
	page := web.Page{Warden: s.Local, Logins: s.Local, Provider: s.provider(), Live: s.Local, Secure: encrypted != nil, Log: s.Log}
	w := httpapi.Web{Warden: s.Local, Live: s.Local, Tokens: s.Local, Page: page.Handler(), Listener: l, TLS: encrypted, Proxies: s.Web.Proxies(), Ready: s.Local.Ready, Metrics: s.metrics, Log: s.Log}
	return w.Run(ctx, limit, ready)
}

// provider returns the provider of OpenID Connect with which people log in; nil: there is none. It is
// not asked yet: the service starts without it.
func (s *Service) provider() *web.Provider {
	o := s.Web.OIDC
	if !o.On() {
		return nil
	}
	s.Log.Info("people can log in with a provider", "issuer", o.Issuer, "client", o.ClientID)
	return &web.Provider{Client: &oidc.Client{Issuer: o.Issuer, ID: o.ClientID, Groups: o.GroupsClaim, Secret: o.Secret}, Redirect: o.RedirectURL}
}

// tls returns the TLS settings of the API; nil for none.
func (s *Service) tls() (*tls.Config, error) {
	switch {
	case s.Web.TLS == config.SelfSigned:
		return httpapi.SelfSigned(s.Data, s.Log)
	case s.Web.TLSCert != "":
		return httpapi.Certificate(s.Web.TLSCert, s.Web.TLSKey, s.Log)
	}
	return nil, nil
}
