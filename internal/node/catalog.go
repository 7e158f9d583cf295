package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/postgres"
	"flashwarden/internal/catalog/sqlite"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/job"
)

// ownCatalog is the file of the catalog in a data directory.
const ownCatalog = "catalog.db"

// openCatalog opens the catalog of the configuration.
func (n *core) openCatalog(ctx context.Context) error {
	c := n.opts.Config
	if !n.Shared() {
		if err := n.wasMoved(); err != nil {
			return err
		}
		own, err := sqlite.Open(n.path(ownCatalog))
		if err == nil {
			n.use(own)
		}
		return err
	}
	if _, err := os.Stat(n.path(ownCatalog)); !errors.Is(err, fs.ErrNotExist) {
		return cause.New(cause.Internal, fmt.Sprintf("the configuration names a catalog in PostgreSQL, but %s has one of its own", n.opts.Data),
			api.Say("move it into the database: ").Do("catalog move").Say("; if it is not needed any more, rename %s", n.path(ownCatalog)))
	}
	many, err := postgres.Open(ctx, postgres.Options{URL: c.Catalog, Password: passwordOf(c)})
	if err == nil {
		n.use(many)
	}
	return err
}

// wasMoved returns an error if the catalog was moved into a database: an empty one must not
// take its place.
func (n *core) wasMoved() error {
	if _, err := os.Stat(n.path(movedCatalog)); err != nil || exists(n.path(ownCatalog)) {
		return nil
	}
	return cause.New(cause.Internal, "the catalog of "+n.opts.Data+" was moved into a database", api.Say("name the database: ").Set("catalog", "postgres://user@host/database"))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// use takes an open catalog.
func (n *core) use(c interface {
	catalog.Catalog
	job.Store
}) {
	n.Catalog, n.jobs = c, c
}

// Shared reports whether other machines may use the catalog too.
func (n *core) Shared() bool { return n.opts.Config.Catalog != "" }

// passwordOf returns a function that reads the password of the catalog; nil: there is no
// file with it.
func passwordOf(c config.Config) func() (string, error) {
	if c.CatalogPasswordFile == "" {
		return nil
	}
	return func() (string, error) {
		text, err := os.ReadFile(c.CatalogPasswordFile)
		if err != nil {
			return "", fmt.Errorf("read the password of the catalog: %w", err)
		}
		password := strings.TrimRight(string(text), "\r\n")
		if password == "" || strings.ContainsAny(password, "\r\n") {
			return "", fmt.Errorf("read the password of the catalog: %s does not have one line with a password", c.CatalogPasswordFile)
		}
		return password, nil
	}
}
