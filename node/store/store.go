package store

import (
	"context"
	"errors"
	"io"
	"iter"

	"golang.org/x/mod/sumdb/tlog"
)

type (
	// A Mailbox is the random id of a user's inbox.
	Mailbox [16]byte
	// A MsgID names an envelope. The sender chooses it; it is unique among
	// what one sender puts into one mailbox.
	MsgID [16]byte
	// A Seq is a position in a mailbox. It grows, with gaps.
	Seq uint64
)

// Limits, all checked while applying. They are part of the meaning of the
// operations and never differ between nodes.
const (
	MaxEnvelope  = 1<<20 + 24<<10 // bytes of one envelope
	MaxRecord    = 16 << 10       // bytes of a user's record
	MaxManifest  = 1<<25 - 1      // bytes of the manifest
	MaxValue     = 1<<16 - 1      // bytes of a named value
	MaxEntry     = 1<<16 - 1      // bytes of one leaf of the log
	MaxEnvelopes = 10_000         // envelopes in a mailbox
	MaxBytes     = 64 << 20       // bytes of envelopes in a mailbox
	MaxShare     = 4              // one sender alone has at most one part in so many of both, see fair
	MaxNotes     = 10_000         // notes in a mailbox; the oldest goes first

	// An envelope that was acked is remembered for so long, in ms.
	goneLife = 24 * 60 * 60 * 1000
	// A note is kept for so long, in ms.
	noteLife = 30 * 24 * 60 * 60 * 1000
	// A mark that ended is kept for so many expire operations, counted only
	// if their clocks are so many ms apart.
	markTicks = 5
	tickLeast = 30 * 1000
)

// What an Engine answers. Everything but ErrUnavailable says that nothing has
// changed.
var (
	// ErrUnavailable: the outcome is unknown, because the disk failed or is
	// full, or because the caller stopped waiting. Repeat the same Op.
	ErrUnavailable = errors.New("state unavailable")
	// ErrOverload: the context ended before there was room for the Op.
	ErrOverload = errors.New("too much waits to be stored")
	// ErrClosed: the engine was closed.
	ErrClosed = errors.New("store is closed")

	ErrConflict = errors.New("somebody else was first") // the state is not what the Op builds on
	ErrNotFound = errors.New("not found")
	ErrFull     = errors.New("mailbox is full")
	ErrTooBig   = errors.New("too big")
	ErrBadOp    = errors.New("malformed operation")
	ErrUsed     = errors.New("used before") // what serves once
)

// An Engine is the durable state of a server, on one node or on many. All
// methods are for any number of callers at once.
type Engine interface {
	// Do makes one change and returns when it is durable and applied on this
	// node, so that reads see it.
	Do(ctx context.Context, op Op) (Result, error)

	// Read gives at most max items of a mailbox after a position, oldest
	// first, and whether there are more. It gives fewer than max when their
	// bodies grow large together, but at least one if there is one.
	Read(ctx context.Context, mb Mailbox, after Seq, max int) (items []Stored, more bool, err error)
	// User finds a user by name; the case of ASCII letters doesn't count.
	User(ctx context.Context, name string) (User, error)
	// Users gives all users by name, as they are at one moment. An error
	// ends the sequence.
	Users(ctx context.Context) iter.Seq2[User, error]
	// Manifest gives what SetManifest stored last.
	Manifest(ctx context.Context) (version uint64, body []byte, err error)
	// Value gives what Put stored last under the name.
	Value(ctx context.Context, name string) ([]byte, error)

	// Marked reports whether a Mark of this key was set, and not dropped since.
	Marked(ctx context.Context, key [32]byte) (bool, error)

	// TreeSize gives the number of leaves in the log.
	TreeSize(ctx context.Context) (uint64, error)
	// Leaves gives leaves of the log from a number on, in order, as many as have
	// maxBytes together but at least one if there is one.
	Leaves(ctx context.Context, from uint64, maxBytes int) ([][]byte, error)
	// Hashes reads the hashes of the log, by their numbers in the order of tlog. Those
	// of the first n leaves never change.
	Hashes(ctx context.Context) tlog.HashReader

	// Attach calls push for everything in the mailbox after a position, what
	// waits already and what comes later, in order and at least once. push
	// may block: it runs on a goroutine of this attachment, which exists only
	// while there is something to push and reads from the disk instead of
	// keeping a queue. detach ends that; it doesn't wait, so one more push
	// may be on its way. A mailbox may have several attachments.
	Attach(mb Mailbox, after Seq, push func(Stored)) (detach func())
	// Present reports whether the mailbox has an attachment.
	Present(mb Mailbox) bool

	// Snapshot writes a copy of the whole state as it is at one moment, an
	// SQLite file that can stand in the place of the original.
	Snapshot(ctx context.Context, w io.Writer) error
	Health() Health
	// Close waits for what is being done and for the pushes that run, and
	// then closes the files. Conns that a push may be waiting for must be
	// closed before.
	Close() error
}

// A Result is what came of an Op. Which fields count depends on the Op.
type Result struct {
	Seq     Seq    // Append: the position of the envelope
	Rev     uint64 // PutUser, Enter: the user's new revision
	Fresh   bool   // Append: stored just now; Mark: never seen before
	Acked   bool   // Append: the recipient had it already and acked it
	Refused bool   // Append: the recipient had it already and refused it
	Dropped int    // Ack, Expire: how many were dropped
}

// A User is one user as the state knows them.
type User struct {
	Name    string // as registered
	Mailbox Mailbox
	Rev     uint64 // grows by one with each change
	Record  []byte // the login's own bytes
}

// A Kind says what an item of a mailbox is.
type Kind uint8

const (
	// KindEnvelope is an envelope from somebody.
	KindEnvelope Kind = iota
	// KindDelivered is a note for the sender of the envelope ID: From has
	// stored it, at the time At.
	KindDelivered
	// KindExpired is a note for the sender of the envelope ID: From did not
	// fetch it in time, and it was dropped at the time At.
	KindExpired
	// KindRefused is a note for the sender of the envelope ID: From's client
	// would not take it at the time At.
	KindRefused
)

// Stored is one item of a mailbox: an envelope, or a note without a body.
// Notes stand in the same sequence and are acked like envelopes, which
// creates no further note.
type Stored struct {
	Seq     Seq
	Kind    Kind
	ID      MsgID
	From    string // who sent the envelope, or whom the note is about
	At      int64  // proposer's clock when it was stored, Unix ms
	Expires int64  // Unix ms
	Body    []byte
}

// Health is how the engine is doing.
type Health struct {
	Role     string // "local"
	Position uint64 // of the last batch applied
	Err      error  // why the last batch could not be stored; nil when it was
}
