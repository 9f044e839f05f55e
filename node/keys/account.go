package keys

import (
	"fmt"
	"io"

	"sotto/wire"
)

// An Account is the private half of what people know of a user: what signs his
// entries in the log, and opens what was written to him before he had a device.
type Account struct {
	Signer *Signer
	Sealer *Sealer
}

// NewAccount draws the keys of a new account.
func NewAccount(random io.Reader) (*Account, error) {
	sign, err := NewSeed(random)
	if err != nil {
		return nil, err
	}
	seal, err := NewSeed(random)
	if err != nil {
		return nil, err
	}
	return &Account{NewSigner(sign), NewSealer(seal)}, nil
}

// Public returns the public half.
func (a *Account) Public() wire.AccountKeys {
	return wire.AccountKeys{Sign: a.Signer.Public(), Seal: a.Sealer.Public()}
}

// Id names the public half.
func (a *Account) Id() wire.KeyId {
	public := a.Public()
	return AccountId(&public)
}

// String shows the fingerprint and no secret.
func (a *Account) String() string { return "account " + Fingerprint(a.Id()) }

// GoString keeps %#v from showing what String hides.
func (a *Account) GoString() string { return a.String() }

// Clear overwrites the private half.
func (a *Account) Clear() {
	a.Signer.Clear()
	a.Sealer.Clear()
}

// Wrap seals the private half under the key that OPAQUE exports to the user alone.
func (a *Account) Wrap(random io.Reader, export *[64]byte, realm wire.Realm, user string) (*wire.WrappedAccount, error) {
	w := new(wire.WrappedAccount)
	if err := fill(random, w.Iv[:]); err != nil {
		return nil, fmt.Errorf("wrap account of %s: %w", user, err)
	}
	aad, err := wrappedAad(realm, user)
	if err != nil {
		return nil, fmt.Errorf("wrap account of %s: %w", user, err)
	}
	plain := mustEncode(&wire.AccountSecrets{Sign: a.Signer.seed(), Seal: a.Sealer.seed})
	defer clear(plain)
	once := wrappingKey(export, w.Iv)
	defer once.Clear()
	copy(w.Ct[:], once.Seal(aad, plain))
	return w, nil
}

// UnwrapAccount opens what Wrap sealed, or returns ErrSealed.
func UnwrapAccount(export *[64]byte, realm wire.Realm, user string, w *wire.WrappedAccount) (*Account, error) {
	aad, err := wrappedAad(realm, user)
	if err != nil {
		return nil, ErrSealed
	}
	once := wrappingKey(export, w.Iv)
	defer once.Clear()
	plain, err := once.Open(aad, w.Ct[:])
	if err != nil {
		return nil, ErrSealed
	}
	defer clear(plain)
	var secrets wire.AccountSecrets
	if secrets.UnmarshalBinary(plain) != nil {
		return nil, ErrSealed
	}
	defer func() { secrets = wire.AccountSecrets{} }()
	return &Account{NewSigner(secrets.Sign), NewSealer(secrets.Seal)}, nil
}

func wrappedAad(realm wire.Realm, user string) ([]byte, error) {
	return (&wire.WrappedAccountAad{Realm: realm, User: Fold(user)}).AppendBinary(labelAccountKey.Bytes())
}

// wrappingKey makes the key for one iv. The key is the same at each wrapping and the iv
// drawn anew: accounts are wrapped a few times in their lives.
func wrappingKey(export *[64]byte, iv [12]byte) *OnceKey {
	once := &OnceKey{iv: iv}
	labelAccountKey.Expand(export[:], once.key[:])
	return once
}
