package config

// Reload returns the configuration of a running service after its file has changed to
// next. The service keeps some keys until it is restarted, because they belong to open
// sockets or stores; restart lists those of them that differ.
func (c Config) Reload(next Config) (now Config, restart []string) {
	keep(&restart, "catalog", c.Catalog, &next.Catalog)
	keep(&restart, "catalog-password-file", c.CatalogPasswordFile, &next.CatalogPasswordFile)
	keep(&restart, "vault", c.Vault, &next.Vault)
	keep(&restart, "tftp.listen", c.TFTP.Listen, &next.TFTP.Listen)
	keep(&restart, "tftp.port-range", c.TFTP.PortRange, &next.TFTP.PortRange)
	keep(&restart, "tftp.max-block-size", c.TFTP.MaxBlockSize, &next.TFTP.MaxBlockSize)
	keep(&restart, "syslog.listen", c.Syslog.Listen, &next.Syslog.Listen)
	keep(&restart, "syslog.quiet", c.Syslog.Quiet, &next.Syslog.Quiet)
	keep(&restart, "web.listen", c.Web.Listen, &next.Web.Listen)
	keep(&restart, "web.tls-cert", c.Web.TLSCert, &next.Web.TLSCert)
	keep(&restart, "web.tls-key", c.Web.TLSKey, &next.Web.TLSKey)
	keep(&restart, "web.tls", c.Web.TLS, &next.Web.TLS)
	keep(&restart, "web.trusted-proxies", c.Web.TrustedProxies, &next.Web.TrustedProxies)
	keepOIDC(&restart, c.Web.OIDC, &next.Web.OIDC)
	keep(&restart, "transports.scp.listen", c.Transports.SCP.Listen, &next.Transports.SCP.Listen)
	keep(&restart, "transports.scp.legacy-crypto", c.Transports.SCP.LegacyCrypto, &next.Transports.SCP.LegacyCrypto)
	keep(&restart, "transports.https.listen", c.Transports.HTTPS.Listen, &next.Transports.HTTPS.Listen)
	keep(&restart, "transports.https.tls-cert", c.Transports.HTTPS.TLSCert, &next.Transports.HTTPS.TLSCert)
	keep(&restart, "transports.https.tls-key", c.Transports.HTTPS.TLSKey, &next.Transports.HTTPS.TLSKey)
	keep(&restart, "transports.https.tls-min", c.Transports.HTTPS.TLSMin, &next.Transports.HTTPS.TLSMin)
	keep(&restart, "backup.stall-timeout", c.Backup.StallTimeout, &next.Backup.StallTimeout)
	return next, restart
}

// keep keeps the present value of a key, and notes the key if the next one differs.
func keep[T comparable](restart *[]string, key string, now T, next *T) {
	if *next != now {
		*restart = append(*restart, key)
	}
	*next = now
}
