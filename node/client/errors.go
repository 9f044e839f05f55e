package client

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

var (
	// ErrReplaced says that the same user logged in again elsewhere.
	ErrReplaced = errors.New("the same user logged in from elsewhere")

	// ErrRemoved says that the server no longer has this user.
	ErrRemoved = errors.New("the server has closed this account")

	// ErrDeviceRemoved says that our account has no such device any more.
	ErrDeviceRemoved = errors.New("this device was removed from the account; the password enters it again")

	// ErrClosed says that the client was closed.
	ErrClosed = errors.New("client: closed")

	// ErrTooLong says that a text is more than one message may hold.
	ErrTooLong = errors.New("too long")

	// ErrNotText says that a message is not UTF-8.
	ErrNotText = errors.New("the text is not UTF-8")

	// ErrNoContact says that a request could not be made because there is no
	// contact with the server now.
	ErrNoContact = errors.New("no contact with the server")
)

// A NoAnswerError says that the server did not answer.
type NoAnswerError struct {
	Server netip.AddrPort
	After  time.Duration
	Tries  int   // datagrams without an answer; 0 if that is not known
	Why    error // what the network said, if anything
}

func (e *NoAnswerError) Error() string {
	s := fmt.Sprintf("no answer from %v (UDP) after %v", e.Server, e.After.Round(time.Second))
	if e.Why != nil {
		s += ": " + e.Why.Error()
	}
	return s
}

func (e *NoAnswerError) Unwrap() error { return e.Why }

// A ServerKeyError says that a server shows another key than the one that is
// pinned. The password was not used, and nothing sealed to the other key.
type ServerKeyError struct {
	Pinned, Shown string // fingerprints
}

func (e *ServerKeyError) Error() string {
	return "the server shows the key " + e.Shown + ", pinned is " + e.Pinned
}

// A LoginError says that the login was refused, or that what the server said
// in it cannot be accepted.
type LoginError struct {
	User   string
	Server netip.AddrPort
	Why    error
}

func (e *LoginError) Error() string {
	return fmt.Sprintf("login of %s on %v: %v", e.User, e.Server, e.Why)
}

func (e *LoginError) Unwrap() error { return e.Why }

// A DirectoryError is an alarm: what the server says about the users' keys
// contradicts what it signed before, or gives us another key than ours.
type DirectoryError struct {
	Why      error
	Evidence string // the file that keeps what convicts the server; "" if nothing does
}

func (e *DirectoryError) Error() string { return "the server's list of keys: " + e.Why.Error() }

func (e *DirectoryError) Unwrap() error { return e.Why }

// A DeviceFileError says that the keys of this device cannot be read.
type DeviceFileError struct {
	Path string
	Why  error
}

func (e *DeviceFileError) Error() string {
	return "the keys of this device, " + e.Path + ": " + e.Why.Error()
}

func (e *DeviceFileError) Unwrap() error { return e.Why }

// An UnknownUserError says that there is no such user.
type UnknownUserError struct {
	Name    string
	Nearest string // the user with the most similar name, if one is similar
}

func (e *UnknownUserError) Error() string { return fmt.Sprintf("no user %q on this server", e.Name) }

// A KeyChangedError says that a user's key is not the one we know and that
// nothing is sent until it is accepted.
type KeyChangedError struct {
	User        string
	Fingerprint string // of the new key
}

func (e *KeyChangedError) Error() string { return e.User + "'s key is new: " + e.Fingerprint }
