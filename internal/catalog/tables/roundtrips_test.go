package tables_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/catalogtest"
	"flashwarden/internal/catalog/tables"
)

// TestRoundTrips: over a slow link each statement costs a round trip, during which the
// transaction keeps others from writing. So the number of statements must not grow with that
// of the rows.
func TestRoundTrips(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	plain := openCatalog(t, path)
	counted := &counter{path: path, driver: plain.DB().Driver()}
	db := sql.OpenDB(counted)
	defer db.Close()
	c, ctx := tables.WithDB(plain.Catalog, db), t.Context()
	const rows = 300 // less than a batch
	var jobs []catalog.Job
	var sums []string
	for i := range rows {
		name := fmt.Sprint("sw", i)
		jobs = append(jobs, catalog.Job{Job: api.Job{Kind: api.JobBackup, Device: name}, Request: []byte("{}"), Login: name})
		f := catalogtest.File("flash:/x.bin", api.KindImage, name)
		sums = append(sums, f.SHA256)
		if err := plain.Remember(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := plain.AddJobs(ctx, jobs...); err != nil {
		t.Fatal(err)
	}
	var leases []catalog.Lease
	worker, now := catalog.Worker{ID: "a"}, time.Now()
	for _, step := range []struct {
		name string
		do   func() (n int, err error)
	}{
		{"StartJobs", func() (int, error) {
			started, err := c.StartJobs(ctx, worker, time.Minute, func(b catalog.Board) (ids []string) {
				for _, j := range b.Waiting {
					ids = append(ids, j.ID)
				}
				return ids
			})
			for _, s := range started {
				leases = append(leases, s.Lease)
			}
			return len(started), err
		}},
		{"RenewLeases", func() (int, error) {
			lost, _, err := c.RenewLeases(ctx, worker, time.Minute, leases...)
			return rows - len(lost), err
		}},
		{"Condemn", func() (int, error) { ripe, err := c.Condemn(ctx, now, now, sums); return rows - len(ripe), err }},
		{"Condemn again", func() (int, error) { ripe, err := c.Condemn(ctx, now, now, sums); return len(ripe), err }},
		{"ForgetContents", func() (int, error) { return rows, c.ForgetContents(ctx, sums...) }},
	} {
		before := counted.statements.Load()
		n, err := step.do()
		if did := counted.statements.Load() - before; err != nil || n != rows || did > 20 {
			t.Errorf("%s: %d of %d rows in %d statements, error %v", step.name, n, rows, did, err)
		}
	}
}

// counter counts the statements that a database runs.
type counter struct {
	path       string
	driver     driver.Driver
	statements atomic.Int64
}

// Connect implements driver.Connector.
func (c *counter) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open("file:" + c.path + "?_txlock=immediate&_pragma=busy_timeout(60000)")
	return countedConn{conn, c}, err
}

// Driver implements driver.Connector.
func (c *counter) Driver() driver.Driver { return c.driver }

type countedConn struct {
	driver.Conn
	counter *counter
}

// Prepare implements driver.Conn.
func (c countedConn) Prepare(text string) (driver.Stmt, error) {
	s, err := c.Conn.Prepare(text)
	return countedStatement{s, c.counter}, err
}

type countedStatement struct {
	driver.Stmt
	counter *counter
}

// ExecContext implements driver.StmtExecContext.
func (s countedStatement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.counter.statements.Add(1)
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

// QueryContext implements driver.StmtQueryContext.
func (s countedStatement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.counter.statements.Add(1)
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}
