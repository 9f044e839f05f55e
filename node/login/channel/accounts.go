package channel

import (
	"sotto/node/keys"
	"sotto/wire"
)

// An Account is what a server knows of a user.
type Account struct {
	Record  *wire.AccountRecord
	Sign    wire.VerifyKey                // the account's, as the log shows it
	Devices map[wire.KeyId]wire.VerifyKey // as the log shows them
}

// Accounts are the accounts of a server. It is safe for concurrent use.
type Accounts interface {
	// Account returns what is known of a user, or nil if there is no such user. The name
	// is in lower case.
	Account(folded string) (*Account, error)
}

// A decoyer makes up what is answered for users who don't exist. It is derived from
// a lasting secret and the name, so two questions get the same answer; it looks like the
// real thing because all of that looks random without the password.
type decoyer struct {
	secret [32]byte
	// verify is what the proofs of users and devices that don't exist are checked against,
	// so that it takes the time. Nobody keeps its private half, and no proof is believed
	// for its sake.
	verify wire.VerifyKey
}

func newDecoyer(secret [32]byte) *decoyer {
	var seed wire.Seed
	defer clear(seed[:])
	labelDecoySigner.Expand(secret[:], seed[:])
	s := keys.NewSigner(seed)
	defer s.Clear()
	return &decoyer{secret, s.Public()}
}

// wrapped makes up a wrapped account.
func (d *decoyer) wrapped(user string) (wire.WrappedAccount, error) {
	var w wire.WrappedAccount
	salt := labelDecoyName.Hash([]byte(keys.Fold(user)))
	prk := keys.Extract(d.secret[:], salt[:])
	defer clear(prk)
	b := make([]byte, w.Size())
	labelDecoyAccount.Expand(prk, b)
	if w.UnmarshalBinary(b) != nil {
		return w, errWire
	}
	return w, nil
}
