package classic

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// A Stretch is the cost of a guess at a password.
type Stretch = keys.Stretch

// ErrPassword is the one error for all that is wrong with credentials: the password,
// the name, or what the server sent. Which of them it was, the client can't know or
// must not say.
var ErrPassword = errors.New("wrong name or password")

// A passwordKey is what comes of a password and a salt.
type passwordKey struct {
	commit [32]byte // is kept by the server and shown to who asks: it tells nothing of key
	key    [32]byte
}

func (k *passwordKey) clear() { clear(k.commit[:]); clear(k.key[:]) }

func stretchPassword(password []byte, salt [16]byte, s Stretch) (*passwordKey, error) {
	prk, err := s.Key(password, salt)
	if err != nil {
		return nil, err
	}
	defer clear(prk)
	k := new(passwordKey)
	labelPasswordCommit.Expand(prk, k.commit[:])
	labelPasswordKey.Expand(prk, k.key[:])
	return k, nil
}

func wrappedAad(name string) ([]byte, error) {
	b, err := encode(&wire.WrappedAad{User: keys.Fold(name)})
	if err != nil {
		return nil, err
	}
	return labelPasswordKey.With(b), nil
}

// NewRecord makes what a server keeps of a user: his public key, and his private key
// under his password. The password and the private key are not in it.
func NewRecord(random io.Reader, identity *keys.Identity, name string, password []byte, since time.Time, s Stretch) (*wire.Record, error) {
	if err := keys.CheckName(name); err != nil {
		return nil, err
	}
	r := &wire.Record{Name: name, Key: identity.Public().Modulus(), SinceMs: uint64(max(since.UnixMilli(), 0))}
	for _, b := range [][]byte{r.Salt[:], r.Iv[:]} {
		if _, err := io.ReadFull(random, b); err != nil {
			return nil, fmt.Errorf("record of %s: %w", name, err)
		}
	}
	k, err := stretchPassword(password, r.Salt, s)
	if err != nil {
		return nil, err
	}
	defer k.clear()
	r.Commit = k.commit
	private := identity.Wire()
	plain, err := encode(&private)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	aad, err := wrappedAad(name)
	if err != nil {
		return nil, err
	}
	once := keys.NewOnceKey(k.key, r.Iv)
	defer once.Clear()
	copy(r.Wrapped[:], once.Seal(aad, plain))
	return r, nil
}

// unwrap opens a user's credentials with his password. commit is compared before
// anything is opened: AES-GCM does not commit to its key, so one ciphertext could be
// made to open under many passwords and tell them apart by what the client does next.
func unwrap(k *passwordKey, m4 *wire.M4) (*keys.Identity, error) {
	if subtle.ConstantTimeCompare(k.commit[:], m4.Commit[:]) != 1 {
		return nil, ErrPassword
	}
	aad, err := wrappedAad(m4.User)
	if err != nil {
		return nil, ErrPassword
	}
	once := keys.NewOnceKey(k.key, m4.Iv)
	defer once.Clear()
	plain, err := once.Open(aad, m4.Wrapped[:])
	if err != nil {
		return nil, ErrPassword
	}
	defer clear(plain)
	var private wire.PrivateKey
	if n, err := private.Decode(plain); err != nil || n != len(plain) {
		return nil, ErrPassword
	}
	identity, err := keys.NewIdentity(&private)
	if err != nil {
		return nil, ErrPassword
	}
	return identity, nil
}
