package tables

import (
	"context"
	"database/sql"
	"slices"
	"strings"
)

// statements runs the statements of one transaction. Each text is parsed once, however
// often it runs.
type statements struct {
	tx     *sql.Tx
	engine Engine
	ready  map[string]*sql.Stmt // by text; the end of the transaction closes them
}

// inTransaction runs do in one transaction, which is kept when do returns nil. The context
// that do gets cannot be cancelled, because the driver starts a goroutine for each statement
// to watch one that can.
func (c *database) inTransaction(ctx context.Context, do func(context.Context, *statements) error) error {
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if first := c.engine.Exclude(); first != "" {
		if _, err := tx.ExecContext(ctx, first); err != nil {
			return err
		}
	}
	if err := do(context.WithoutCancel(ctx), &statements{tx: tx, engine: c.engine, ready: make(map[string]*sql.Stmt)}); err != nil {
		return err
	}
	return tx.Commit()
}

// prepared returns the statement with this text.
func (s *statements) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if ready, ok := s.ready[text]; ok {
		return ready, nil
	}
	ready, err := s.tx.PrepareContext(ctx, s.engine.Rebind(text))
	if err == nil {
		s.ready[text] = ready
	}
	return ready, err
}

// exec runs a statement that returns no rows.
func (s *statements) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	ready, err := s.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	return ready.ExecContext(ctx, storable(args)...)
}

// changes runs a statement and reports whether it changed a row.
func (s *statements) changes(ctx context.Context, text string, args ...any) (bool, error) {
	result, err := s.exec(ctx, text, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// scan runs a query that returns one value. The error is sql.ErrNoRows if there is
// none.
func (s *statements) scan(ctx context.Context, to any, text string, args ...any) error {
	ready, err := s.prepared(ctx, text)
	if err != nil {
		return err
	}
	return ready.QueryRowContext(ctx, storable(args)...).Scan(to)
}

// texts returns the rows of a query with one column of texts.
func (s *statements) texts(ctx context.Context, text string, args ...any) ([]string, error) {
	return column[string](ctx, s, text, args...)
}

// column returns the rows of a query with one column.
func column[T any](ctx context.Context, s *statements, text string, args ...any) (all []T, err error) {
	err = s.each(ctx, func(row *sql.Rows) error {
		var one T
		err := row.Scan(&one)
		all = append(all, one)
		return err
	}, text, args...)
	return all, err
}

// each calls do with each row of a query, and ends with its first error.
func (s *statements) each(ctx context.Context, do func(*sql.Rows) error, text string, args ...any) error {
	ready, err := s.prepared(ctx, text)
	if err != nil {
		return err
	}
	rows, err := ready.QueryContext(ctx, storable(args)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// batch is how many rows one statement changes: over a slow link each statement costs a round
// trip, during which the transaction keeps others from writing.
const batch = 500

// inBatches calls do with a batch of the list at a time, and ends with its first error.
func inBatches[T any](list []T, do func(some []T) error) error {
	for some := range slices.Chunk(list, batch) {
		if err := do(some); err != nil {
			return err
		}
	}
	return nil
}

// oneOf is the condition that a column has one of these values, and its arguments.
func oneOf[T any](values []T) (condition string, args []any) {
	args = make([]any, len(values))
	for i, value := range values {
		args[i] = value
	}
	return `IN (?` + strings.Repeat(", ?", len(values)-1) + `)`, args
}

// valuesOf is so many rows of VALUES, each like this one.
func valuesOf(row string, n int) string {
	return `VALUES ` + row + strings.Repeat(", "+row, n-1)
}
