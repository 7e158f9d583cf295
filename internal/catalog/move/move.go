// Package move copies a catalog from one database to another, whole or not at all.
package move

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
)

// ErrNotEmpty is the error of a target that has rows of its own.
var ErrNotEmpty = errors.New("it already has data of its own")

// Copy copies all tables of a catalog in SQLite into one in PostgreSQL that has the same
// tables, and no rows. It is one transaction, which is kept only if both have the same rows
// afterwards: as many, with the same digests. If an earlier Copy was cut off after its
// transaction, the target has these rows already, and Copy only compares them.
//
// From then on the source refuses every write with an error that names place, where the catalog
// is now: a writer that waited for its lock would otherwise write what nobody reads.
func Copy(ctx context.Context, from, to *sql.DB, place string) ([]api.MovedTable, error) {
	source, err := from.BeginTx(ctx, nil) // no writer changes it meanwhile
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	defer source.Rollback()
	target, err := to.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("write the new catalog: %w", err)
	}
	defer target.Rollback()
	// It waits while a large table of the source is read.
	if _, err := target.ExecContext(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
		return nil, fmt.Errorf("write the new catalog: %w", err)
	}
	all, err := tablesOf(ctx, source, target)
	if err != nil {
		return nil, err
	}
	filled, err := anyRow(ctx, target, all)
	if err != nil {
		return nil, err
	}
	if !filled {
		for _, t := range all {
			if err := t.copy(ctx, source, target); err != nil {
				return nil, fmt.Errorf("copy the table %s: %w", t.name, err)
			}
		}
	}
	done, err := compare(ctx, source, target, all)
	if filled && errors.Is(err, errDiffer) {
		return nil, ErrNotEmpty
	}
	if err != nil {
		return nil, err
	}
	if err := refuseWrites(ctx, source, place); err != nil {
		return nil, fmt.Errorf("close the old catalog to writers: %w", err)
	}
	// The target first: if the second one fails, a repeated Copy compares the rows again.
	if err := target.Commit(); err != nil {
		return nil, fmt.Errorf("write the new catalog: %w", err)
	}
	if err := source.Commit(); err != nil {
		return nil, fmt.Errorf("close the old catalog to writers: %w", err)
	}
	return done, nil
}

// refuseWrites makes every write of the source fail, also those of the queue. A repeated move
// still enters the check value of the key.
func refuseWrites(ctx context.Context, source *sql.Tx, place string) error {
	names, err := texts(ctx, source, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%' AND name <> 'sealing_key'`)
	if err != nil {
		return err
	}
	message := strings.ReplaceAll("the catalog was moved to "+place, "'", "''")
	for _, name := range names {
		for _, write := range []string{"INSERT", "UPDATE", "DELETE"} {
			trigger := fmt.Sprintf(`CREATE TRIGGER IF NOT EXISTS moved_%[1]s_%[2]s BEFORE %[2]s ON "%[1]s" BEGIN SELECT RAISE(ABORT, '%[3]s'); END`, name, write, message)
			if _, err := source.ExecContext(ctx, trigger); err != nil {
				return err
			}
		}
	}
	return nil
}

// errDiffer is the error of tables that do not have the same rows.
var errDiffer = errors.New("the rows of the two catalogs differ")

// compare returns how many rows each table has, if they are the same on both sides.
func compare(ctx context.Context, source, target *sql.Tx, all []table) (done []api.MovedTable, err error) {
	for _, t := range all {
		was, err := t.digest(ctx, source)
		if err != nil {
			return nil, fmt.Errorf("read the table %s: %w", t.name, err)
		}
		is, err := t.digest(ctx, target)
		if err != nil {
			return nil, fmt.Errorf("read the new table %s: %w", t.name, err)
		}
		if was != is {
			return nil, fmt.Errorf("table %s: %w: %d and %d rows", t.name, errDiffer, was.rows, is.rows)
		}
		done = append(done, api.MovedTable{Table: t.name, Rows: was.rows})
	}
	return done, nil
}

func anyRow(ctx context.Context, target *sql.Tx, all []table) (bool, error) {
	for _, t := range all {
		var some bool
		if err := target.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+t.name+`)`).Scan(&some); err != nil || some {
			return some, err
		}
	}
	return false, nil
}

// table is a table with the columns that both catalogs have.
type table struct {
	name     string
	columns  []string
	boolean  []bool // of columns: SQLite keeps a truth value as a number
	identity string // the column that PostgreSQL numbers; empty: none
}

// atOnce is how many rows one INSERT has.
const atOnce = 200

func (t table) copy(ctx context.Context, source, target *sql.Tx) error {
	var values []any
	flush := func() error {
		if len(values) == 0 {
			return nil
		}
		_, err := target.ExecContext(ctx, t.insert(len(values)/len(t.columns)), values...)
		values = values[:0]
		return err
	}
	err := t.each(ctx, source, func(row []any) error {
		values = append(values, row...)
		if len(values) < atOnce*len(t.columns) {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil || t.identity == "" {
		return err
	}
	_, err = target.ExecContext(ctx, fmt.Sprintf(`SELECT setval(pg_get_serial_sequence('%[1]s', '%[2]s'), max(%[2]s)) FROM %[1]s HAVING max(%[2]s) IS NOT NULL`, t.name, t.identity))
	return err
}

// insert is the statement that inserts so many rows.
func (t table) insert(rows int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `INSERT INTO %s (%s) VALUES `, t.name, strings.Join(t.columns, ", "))
	for i := range rows * len(t.columns) {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%len(t.columns) == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	return b.String() + ")"
}

// each calls do for each row. do must not keep row.
func (t table) each(ctx context.Context, tx *sql.Tx, do func(row []any) error) error {
	rows, err := tx.QueryContext(ctx, `SELECT `+strings.Join(t.columns, ", ")+` FROM `+t.name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		row := make([]any, len(t.columns))
		to := make([]any, len(row))
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			return err
		}
		for i, v := range row {
			if n, ok := v.(int64); ok && t.boolean[i] {
				row[i] = n != 0
			}
		}
		if err := do(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// digest is the digest of rows in any order.
type digest struct {
	rows int64
	sum  [4]uint64 // of the SHA-256 of each row, as four numbers that are added without carry
}

func (t table) digest(ctx context.Context, tx *sql.Tx) (d digest, err error) {
	err = t.each(ctx, tx, func(row []any) error {
		h := sha256.New()
		for _, v := range row {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			text := fmt.Sprintf("%T %v", v, v)
			fmt.Fprintf(h, "%d %s\n", len(text), text)
		}
		sum := h.Sum(nil)
		for i := range d.sum {
			d.sum[i] += binary.BigEndian.Uint64(sum[8*i:])
		}
		d.rows++
		return nil
	})
	return d, err
}

// tablesOf returns the tables of the source, those that others refer to first. It is an
// error if the target lacks one of them, or a column.
func tablesOf(ctx context.Context, source, target *sql.Tx) ([]table, error) {
	names, err := texts(ctx, source, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'river_%' AND name NOT LIKE 'goose_%' ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("list the tables of the catalog: %w", err)
	}
	var all []table
	for len(names) > 0 {
		rest := len(names)
		for _, name := range slices.Clone(names) {
			needs, err := texts(ctx, source, `SELECT "table" FROM pragma_foreign_key_list(?) WHERE "table" <> ?1`, name)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(needs, func(n string) bool { return slices.Contains(names, n) }) {
				continue
			}
			t, err := tableOf(ctx, source, target, name)
			if err != nil {
				return nil, err
			}
			all = append(all, t)
			names = slices.DeleteFunc(names, func(n string) bool { return n == name })
		}
		if len(names) == rest {
			return nil, fmt.Errorf("the tables %s refer to each other", strings.Join(names, ", "))
		}
	}
	return all, nil
}

func tableOf(ctx context.Context, source, target *sql.Tx, name string) (table, error) {
	t := table{name: name}
	var err error
	if t.columns, err = texts(ctx, source, `SELECT name FROM pragma_table_info(?) ORDER BY cid`, name); err != nil {
		return t, err
	}
	kinds := make(map[string]string)
	rows, err := target.QueryContext(ctx, `SELECT column_name, data_type, is_identity FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1`, name)
	if err != nil {
		return t, err
	}
	defer rows.Close()
	for rows.Next() {
		var column, kind, identity string
		if err := rows.Scan(&column, &kind, &identity); err != nil {
			return t, err
		}
		kinds[column] = kind
		if identity == "YES" {
			t.identity = column
		}
	}
	for _, column := range t.columns {
		kind, ok := kinds[column]
		if !ok {
			return t, fmt.Errorf("the new catalog has no column %s of the table %s", column, name)
		}
		t.boolean = append(t.boolean, kind == "boolean")
	}
	return t, rows.Err()
}

func texts(ctx context.Context, tx *sql.Tx, query string, args ...any) (all []string, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}
