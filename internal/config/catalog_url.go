package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// catalogURL reads the place of a catalog in PostgreSQL; empty: in the data directory.
func catalogURL(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", errors.New("want a URL such as postgres://user@host/database?sslmode=verify-full, or nothing for a catalog in the data directory")
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") {
		return "", errors.New("no password belongs here: write it into a file of its own, and name that file in catalog-password-file")
	}
	if strings.Trim(u.Path, "/") == "" {
		return "", fmt.Errorf("%q names no database: postgres://user@host/database", v)
	}
	return v, nil
}

// absolute reads the absolute path of a file; empty: none.
func absolute(v string) (string, error) {
	if v != "" && !filepath.IsAbs(v) {
		return "", fmt.Errorf("%q is not an absolute path", v)
	}
	return v, nil
}

// The credentials of systemd (systemd.exec(5), "CREDENTIALS").
const (
	passwordCredential = "catalog-password"   // the password of the catalog
	clientCredential   = "oidc-client-secret" // the secret of this client at the provider
)

// useCredentials sets what systemd passed as a credential and no key names.
func useCredentials(c *Config, env []string) {
	for _, entry := range env {
		dir, ok := strings.CutPrefix(entry, "CREDENTIALS_DIRECTORY=")
		if !ok || dir == "" {
			continue
		}
		for name, key := range map[string]*string{passwordCredential: &c.CatalogPasswordFile, clientCredential: &c.Web.OIDC.ClientSecretFile} {
			if file := filepath.Join(dir, name); *key == "" && exists(file) {
				*key = file
			}
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
