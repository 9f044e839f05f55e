package disk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"syscall"

	sqlite "modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// A Database is an SQLite file in a folder, with one connection that writes
// and a few that read. Write is for one goroutine at a time; Read is for any
// number and refuses changes.
//
// The journal is a write-ahead log that is flushed at each commit
// (synchronous=FULL), so a transaction that was reported as done is on the
// disk, and readers never wait for the writer.
type Database struct {
	Write *Writer
	Read  *sql.DB

	write *sql.DB
	uri   string
}

// A Schema is what a database of one kind looks like.
type Schema struct {
	Kind  int32    // SQLite's application_id: tells the kinds apart
	Steps []string // Steps[i] makes version i+1 of version i; version 0 is empty
}

// A NewerError says that the file was written by a newer program.
type NewerError struct {
	Path       string
	Have, Know int // schema versions: of the file, and the newest that we know
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s has schema version %d, this program knows %d: it was written by a newer version, use that one", e.Path, e.Have, e.Know)
}

// A DamagedError says that the file is no database, or a broken one. It was
// left as it is.
type DamagedError struct {
	Path, Why string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged (%s): put a backup in its place, or move it away to begin anew", e.Path, e.Why)
}

// checkedBytes is how large a file may be for being checked whole when it is
// opened, which takes some 10 ms per MB. A larger one shows its damage when
// that part of it is read.
const checkedBytes = 8 << 20

const (
	writeOptions = "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
		"&_pragma=trusted_schema(OFF)&_pragma=cache_size(-16000)&_pragma=journal_size_limit(67108864)"
	readOptions = "?_pragma=busy_timeout(5000)&_pragma=query_only(ON)&_pragma=trusted_schema(OFF)"
	readers     = 4 // arbitrary; a read takes some 50 µs
)

// Database opens the file in the folder, makes it where there is none, and
// brings it to the newest schema. A file of a newer schema is a *NewerError,
// one that is broken or of another kind a *DamagedError.
func (f *Folder) Database(name string, schema Schema) (*Database, error) {
	path := f.Path(name)
	if err := f.touch(name); err != nil {
		return nil, err
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		st, err := os.Lstat(path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := private(path+suffix, st, false); err != nil {
			return nil, err
		}
	}
	uri := (&url.URL{Scheme: "file", Path: path}).String()
	write, err := sql.Open("sqlite", uri+writeOptions)
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	db := &Database{write: write, uri: uri}
	conn, err := write.Conn(context.Background())
	if err == nil {
		db.Write = &Writer{conn: conn, stmts: map[string]*sql.Stmt{}}
		err = db.migrate(path, schema)
	}
	if err == nil {
		err = db.check(path)
	}
	if err == nil {
		db.Read, err = sql.Open("sqlite", uri+readOptions)
	}
	if err != nil {
		db.Close()
		if _, ok := errors.AsType[*DamagedError](err); ok {
			return nil, err
		}
		if sql, ok := errors.AsType[*sqlite.Error](err); ok && (sql.Code()&0xff == sqlitelib.SQLITE_NOTADB || sql.Code()&0xff == sqlitelib.SQLITE_CORRUPT) {
			return nil, &DamagedError{path, err.Error()}
		}
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.Read.SetMaxOpenConns(readers)
	db.Read.SetMaxIdleConns(readers)
	return db, nil
}

// touch makes an empty file with mode 0600, which SQLite takes for an empty
// database and whose mode it gives to its journal; or it checks the file that
// is there.
func (f *Folder) touch(name string) error {
	path := f.Path(name)
	st, err := os.Lstat(path)
	if err == nil {
		return private(path, st, false)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), syncFolder(f.path))
}

// migrate brings the database to the newest schema in one transaction.
func (db *Database) migrate(path string, schema Schema) error {
	var kind int32
	var version int
	if err := db.Write.Row("PRAGMA application_id").Scan(&kind); err != nil {
		return err
	}
	if err := db.Write.Row("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch {
	case kind != schema.Kind && (kind != 0 || version != 0):
		return &DamagedError{path, fmt.Sprintf("a database of another kind: %#x, not %#x", kind, schema.Kind)}
	case version > len(schema.Steps):
		return &NewerError{path, version, len(schema.Steps)}
	case version == len(schema.Steps):
		return nil
	}
	return db.Write.Transact(func() error {
		for _, step := range schema.Steps[version:] {
			if _, err := db.Write.Exec(step); err != nil {
				return err
			}
		}
		_, err := db.Write.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", schema.Kind, len(schema.Steps)))
		return err
	})
}

// check looks for damage, such as a truncated file.
func (db *Database) check(path string) error {
	st, err := os.Stat(path)
	if err != nil || st.Size() > checkedBytes {
		return err
	}
	var found string
	if err := db.Write.Row("PRAGMA quick_check(1)").Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return &DamagedError{path, strings.Join(strings.Fields(found), " ")}
	}
	return nil
}

// CopyTo writes the database as it is at one moment into a file that is empty
// or not there yet, while readers and the writer go on.
func (db *Database) CopyTo(ctx context.Context, path string) error {
	// On a connection of its own, since a reading one may not write even that.
	from, err := sql.Open("sqlite", db.uri+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	_, err = from.ExecContext(ctx, "VACUUM INTO ?", path)
	return errors.Join(err, from.Close())
}

// Close closes the connections; the last one folds the journal into the file.
func (db *Database) Close() error {
	var errs []error
	if db.Read != nil {
		errs = append(errs, db.Read.Close())
	}
	if db.Write != nil {
		errs = append(errs, db.Write.close())
	}
	return errors.Join(append(errs, db.write.Close())...)
}

// Full reports whether the error says that the disk, the user's share of it, or
// the database's own limit has no room left.
func Full(err error) bool {
	if sql, ok := errors.AsType[*sqlite.Error](err); ok {
		// SHMSIZE: there is no room for the index of the journal, which is made
		// when the database is opened.
		return sql.Code()&0xff == sqlitelib.SQLITE_FULL || sql.Code() == sqlitelib.SQLITE_IOERR_SHMSIZE
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Closed reports whether the error says that the database was closed.
func Closed(err error) bool {
	// database/sql keeps the error of a closed DB to itself.
	return errors.Is(err, sql.ErrConnDone) || err.Error() == "sql: database is closed"
}
