package profile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"sotto/node/store/disk"
)

// What a Profile answers. Everything but ErrUnavailable says that nothing has
// changed.
var (
	// ErrUnavailable: the disk failed or is full. What was asked for is not
	// done as far as this process sees; after a crash it may turn out that it
	// was.
	ErrUnavailable = errors.New("profile unavailable")
	ErrClosed      = errors.New("profile is closed")

	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("not what is stored")
	// ErrRollback: the manifest is older than one that was seen.
	ErrRollback = errors.New("older than one seen before")
	// ErrFork: the manifest differs from one of the same version.
	ErrFork = errors.New("differs from the one seen of the same version")
)

const databaseName = "profile.db"

const (
	groupChanges = 64      // changes in one transaction
	groupBytes   = 4 << 20 // a transaction takes no further change from here on
)

// A Profile is the durable state of one user's client for one server. Its
// methods are for any number of callers at once; callers that wait for the
// disk share transactions.
type Profile struct {
	folder *disk.Folder
	db     *disk.Database
	group  *disk.Group[*change]

	mu    sync.Mutex
	turns map[turnKey]*turn

	closing  sync.Once
	closeErr error
}

// Dir is the folder of the profile of a user on a server (host:port) under
// the folder of all profiles.
func Dir(root, user, server string) string {
	return filepath.Join(root, fileName(server), fileName(user))
}

// fileName makes a name into one that stands for itself in every folder:
// small letters, no separators, no leading dot.
func fileName(name string) string {
	b := make([]byte, 0, len(name))
	for i, c := range []byte(name) {
		switch {
		case 'A' <= c && c <= 'Z':
			b = append(b, c-'A'+'a')
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == ':', c == '[', c == ']', c == '.' && i > 0:
			b = append(b, c)
		default:
			b = fmt.Appendf(b, "%%%02x", c)
		}
	}
	return string(b)
}

// Open opens the profile in a folder and makes it at first use. It fails with
// a *disk.LockedError when another process has it open, a *disk.InsecureError
// when others may look into it, and a *disk.NewerError when a newer version
// wrote it.
func Open(dir string) (*Profile, error) {
	folder, err := disk.OpenFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	db, err := folder.Database(databaseName, schema)
	if err != nil {
		folder.Close()
		return nil, fmt.Errorf("profile: %w", err)
	}
	p := &Profile{folder: folder, db: db, turns: map[turnKey]*turn{}}
	p.group = disk.NewGroup(groupChanges, groupBytes, func(c *change) int { return c.bytes }, p.commit)
	return p, nil
}

// Path gives the file that holds everything but the key of this device.
func (p *Profile) Path() string { return p.folder.Path(databaseName) }

// Close waits for the changes that were begun and closes the files.
func (p *Profile) Close() error {
	p.closing.Do(func() {
		p.group.Close()
		p.closeErr = errors.Join(p.db.Close(), p.folder.Close())
	})
	return p.closeErr
}

// A change is part of a transaction that its caller waits for.
type change struct {
	apply func(w *disk.Writer) error
	bytes int // about what it writes
	done  chan error
}

// change runs apply within a transaction and returns when that is durable. If
// apply refuses with one of the errors of this package, it must do so before
// its first write, since others share the transaction. apply may run twice.
func (p *Profile) change(ctx context.Context, bytes int, apply func(w *disk.Writer) error) error {
	c := &change{apply, bytes, make(chan error, 1)}
	switch err := p.group.Add(ctx, c); {
	case errors.Is(err, disk.ErrClosed):
		return ErrClosed
	case err != nil:
		return err
	}
	// Not even the end of ctx ends this wait: it is short, and the caller
	// must know what happened.
	return <-c.done
}

// commit runs changes in one transaction. If that fails, each has one for
// itself, so that a large one spoils no small one when the disk is full.
func (p *Profile) commit(changes []*change) {
	refusals := make([]error, len(changes))
	err := p.db.Write.Transact(func() error {
		for i, c := range changes {
			refusals[i] = c.apply(p.db.Write)
			if refusals[i] != nil && !refused(refusals[i]) {
				return refusals[i]
			}
		}
		return nil
	})
	switch {
	case err == nil:
		for i, c := range changes {
			c.done <- refusals[i]
		}
	case len(changes) == 1:
		changes[0].done <- fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		for i := range changes {
			p.commit(changes[i : i+1])
		}
	}
}

func refused(err error) bool {
	for _, reason := range []error{ErrNotFound, ErrConflict, ErrRollback, ErrFork} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// readError tells a closed profile from a disk that fails.
func readError(err error) error {
	if disk.Closed(err) {
		return ErrClosed
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// notFound is readError for a query of one row.
func notFound(err error, format string, args ...any) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrNotFound)
	}
	return readError(err)
}

// A turnKey names what calls take turns for: messages to a peer, or messages
// from one key of a sender.
type turnKey struct {
	name   string // folded
	sender bool
	key    [32]byte
}

// A turn is held by one call at a time. Between the calls it remembers what
// the database holds.
type turn struct {
	free   chan struct{} // holds one value while nobody has the turn
	next   uint64        // the next number to send; 0 if not known
	window []byte        // what was received; nil if not known
}

// turn waits until it is the caller's turn.
func (p *Profile) turn(ctx context.Context, key turnKey) (t *turn, release func(), err error) {
	p.mu.Lock()
	t = p.turns[key]
	if t == nil {
		t = &turn{free: make(chan struct{}, 1)}
		t.free <- struct{}{}
		p.turns[key] = t
	}
	p.mu.Unlock()
	select {
	case <-t.free:
		return t, func() { t.free <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// fold makes names that differ only in the case of ASCII letters equal.
func fold(name string) string {
	b := []byte(name)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c - 'A' + 'a'
		}
	}
	return string(b)
}
