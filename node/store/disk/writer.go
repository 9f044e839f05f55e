package disk

import (
	"context"
	"database/sql"
)

// A Writer is the connection that changes a database. It is for one goroutine
// at a time. It keeps each statement prepared, so its texts must be
// constants.
type Writer struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// No call of a Writer can be cancelled: a transaction either runs to its end
// or fails, and a context that can end costs the driver a goroutine per call.
var always = context.Background()

// Transact runs f in one transaction. It has happened, durably, when the
// result is nil. When it is the error of f, nothing has happened; when it is
// that of the commit, a crash may still bring the change back.
func (w *Writer) Transact(f func() error) error {
	if _, err := w.conn.ExecContext(always, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		_, err = w.conn.ExecContext(always, "COMMIT")
	}
	if err != nil {
		// Fails where SQLite has rolled back by itself, as it does when the disk is full.
		w.conn.ExecContext(always, "ROLLBACK")
	}
	return err
}

// Exec runs a statement, or several if there are no arguments, that give no
// rows. Only one that is asked for with arguments is kept prepared.
func (w *Writer) Exec(query string, args ...any) (sql.Result, error) {
	if len(args) == 0 {
		return w.conn.ExecContext(always, query)
	}
	stmt, err := w.prepare(query)
	if err != nil {
		return nil, err
	}
	for i, arg := range args {
		// Bytes that are nil are no bytes; what should be NULL says so as
		// an untyped nil.
		if b, ok := arg.([]byte); ok && b == nil {
			args[i] = []byte{}
		}
	}
	return stmt.ExecContext(always, args...)
}

// Row runs a query of at most one row.
func (w *Writer) Row(query string, args ...any) Scanner {
	stmt, err := w.prepare(query)
	if err != nil {
		return failed{err}
	}
	return stmt.QueryRowContext(always, args...)
}

// Rows runs a query of several rows. They must be read to the end before the
// next call.
func (w *Writer) Rows(query string, args ...any) (*sql.Rows, error) {
	stmt, err := w.prepare(query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(always, args...)
}

func (w *Writer) prepare(query string) (*sql.Stmt, error) {
	stmt := w.stmts[query]
	if stmt == nil {
		var err error
		if stmt, err = w.conn.PrepareContext(always, query); err != nil {
			return nil, err
		}
		w.stmts[query] = stmt
	}
	return stmt, nil
}

func (w *Writer) close() error {
	for _, stmt := range w.stmts {
		stmt.Close()
	}
	return w.conn.Close()
}

// A Scanner is one row: *sql.Row, or why there is none.
type Scanner interface{ Scan(dest ...any) error }

type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }
