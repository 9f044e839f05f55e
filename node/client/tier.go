package client

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"sotto/node/login/channel"
	"sotto/node/login/classic"
	"sotto/node/session"
	"sotto/node/transport"
	"sotto/wire"
)

// A tier is how a deployment proves who is who, and how its users' messages
// are sealed. It owns all keys, ours and the ones we know of others; the rest
// of the client moves what they protect. Its methods may be called from any
// goroutine, at any time once the first login is over.
type tier interface {
	// handshake begins a login at the server.
	handshake() (handshake, error)

	// begin takes the first frame of a session and does whatever must be done
	// before the session counts. An error that is a *LoginError or a
	// *DirectoryError is final.
	begin(ctx context.Context, h handshake, conn *transport.Conn, first []byte) (*beginning, error)

	// final reports whether a handshake that ended with err is not worth
	// another try.
	final(err error) bool

	// serverKey gives the server's key as it is known now.
	serverKey() *ServerKey

	// checkKey asks which key the server shows. It gives a *ServerKeyError if
	// that is not the one we know, and errKeyFollowed if that one has led to
	// another, which counts from now on.
	checkKey(ctx context.Context, e *transport.Endpoint, server netip.AddrPort) error

	// known gives the users that the profile knows.
	known(ctx context.Context) ([]peer, error)

	// news takes what the server said of the directory during a session. It is
	// nil, nil for a push that says nothing of it.
	news(ctx context.Context, p *wire.Push, now time.Time) (*roster, error)

	// self gives the id of our own key, the one that people compare.
	self() wire.KeyId

	seal(to string, key pin, h heading, text string) ([]byte, error)
	// sealedTo reports whether a message of ours is sealed to what seal would seal it to.
	sealedTo(key pin, sealed []byte) bool
	peek(sealed []byte) (from string, id MessageID, err error)
	// ready does what must be done before a message can be opened, and before
	// the keys of its sender are looked up.
	ready(ctx context.Context, sealed []byte) error
	// open verifies and opens a message. A *DirectoryError is an alarm, a
	// *notNowError says nothing about the message, errElsewhere that it is for another
	// device.
	open(ctx context.Context, from string, key pin, now time.Time, oldest time.Duration, sealed []byte) (*opened, error)
	// reopen opens a message that was verified before it went to our disk.
	reopen(from string, key pin, now time.Time, sealed []byte) (*opened, error)

	// sealDraft and openDraft seal a text to ourselves.
	sealDraft(text string) ([]byte, error)
	openDraft(sealed []byte) (text string, err error)

	// initiate begins a conn with a user to whom the server has introduced us.
	initiate(in introduction) (handshake, error)
	// expect takes an introduction of somebody who is about to dial us.
	expect(now time.Time, in introduction) error
	// callers answers those who dial us.
	callers() transport.Responder
	// partner says who is at the other end of a direct conn, and at which device:
	// of one who dialled us by the conn's peer, of one whom we dialled by the hands.
	partner(of any) (name string, device wire.KeyId, ok bool)
}

// hands are a handshake of the login package, which may not import the
// transport.
type hands interface {
	First() ([]byte, error)
	Bind(conn [32]byte)
	Next(ctx context.Context, msg []byte) ([]byte, *session.Secrets, error)
}

// A handshake is hands with secrets in them: of a login, or of a dial to another user.
type handshake interface {
	hands
	Clear()
}

// A beginning is what a login gives.
type beginning struct {
	user     string    // as registered
	serverAt time.Time // now, by the server's clock
	roster   *roster
}

// A roster is what the directory and the profile together say of users: of all
// of them, or of those who changed.
type roster struct {
	peers   []peer
	changed []string // whose key is another one since the last roster
	events  []Event  // what else is to be told
}

// A peer is another user as the profile knows him.
type peer struct {
	name     string // as registered
	key      pin
	changed  pin // what the directory shows instead of key; nil if the same
	verified bool
}

// A pin is a key of a user that we rely on.
type pin interface {
	id() wire.KeyId
	bytes() []byte // as the profile keeps it
	// at reports whether a device is the user's. In the classic tier there are none,
	// and it always is.
	at(device wire.KeyId) bool
}

// A notNowError says that a message could not be judged. It has to come again.
type notNowError struct{ error }

func (e *notNowError) Unwrap() error { return e.error }

// errElsewhere says that a message can be read at another device of ours, and not here.
var errElsewhere = errors.New("the envelope was sealed before its sender knew this device; another device of yours can read it")

// A heading is what we say of a message besides its text.
type heading struct {
	id   MessageID
	seq  uint64
	sent time.Time
}

// An opened is a message that was verified and opened.
type opened struct {
	heading
	key  wire.KeyId // that counts the sender's numbers
	text string
}

// An introduction is our half of one.
type introduction struct {
	id      wire.IntroId
	key     [32]byte
	peer    string
	expires time.Time
}

// An initiator fits a handshake of the login package to the transport.
type initiator struct{ hands }

func (i initiator) Next(ctx context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	reply, s, err := i.hands.Next(ctx, msg)
	if errors.Is(err, classic.ErrDrop) || errors.Is(err, channel.ErrDrop) {
		err = transport.ErrDrop
	}
	return reply, s, err
}
