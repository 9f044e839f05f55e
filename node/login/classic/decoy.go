package classic

import (
	"sotto/node/keys"
	"sotto/wire"
)

// A decoyer makes up credentials for users who don't exist. They are derived from
// a lasting secret and the name, so two questions get the same answer; they look
// like real ones because all of real ones looks random without the password.
type decoyer struct{ secret [32]byte }

func (d *decoyer) record(name string) (*wire.Record, error) {
	folded := keys.Fold(name)
	salt := labelDecoyName.Hash([]byte(folded))
	prk := keys.Extract(d.secret[:], salt[:])
	defer clear(prk)
	var decoy wire.Decoy
	b := make([]byte, decoy.Size())
	labelDecoy.Expand(prk, b)
	if err := decoy.UnmarshalBinary(b); err != nil {
		return nil, errWire
	}
	return &wire.Record{Name: name, Salt: decoy.Salt, Commit: decoy.Commit, Iv: decoy.Iv, Wrapped: decoy.Wrapped}, nil
}
