package keys

import (
	"encoding"
	"errors"
	"io"

	"sotto/wire"
)

// sealBox puts what a key file must not show into a box under a passphrase.
func sealBox(random io.Reader, passphrase []byte, stretch Stretch, secrets encoding.BinaryMarshaler) (*wire.PassphraseBox, error) {
	plain, err := secrets.MarshalBinary()
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	box := new(wire.PassphraseBox)
	if err := errors.Join(fill(random, box.Salt[:]), fill(random, box.Iv[:])); err != nil {
		return nil, err
	}
	once, err := boxKey(passphrase, box, stretch)
	if err != nil {
		return nil, err
	}
	defer once.Clear()
	box.Ct = once.Seal(labelFile.Bytes(), plain)
	return box, nil
}

// openBox opens a box and reads what is in it: ErrPassphraseNeeded, ErrPassphrase, ErrKeyFile.
func openBox(box *wire.PassphraseBox, passphrase []byte, stretch Stretch, secrets encoding.BinaryUnmarshaler) error {
	if passphrase == nil {
		return ErrPassphraseNeeded
	}
	once, err := boxKey(passphrase, box, stretch)
	if err != nil {
		return err
	}
	defer once.Clear()
	plain, err := once.Open(labelFile.Bytes(), box.Ct)
	if err != nil {
		return ErrPassphrase
	}
	defer clear(plain)
	if secrets.UnmarshalBinary(plain) != nil {
		return ErrKeyFile
	}
	return nil
}

func boxKey(passphrase []byte, box *wire.PassphraseBox, stretch Stretch) (*OnceKey, error) {
	prk, err := stretch.Key(passphrase, box.Salt)
	if err != nil {
		return nil, err
	}
	defer clear(prk)
	once := &OnceKey{iv: box.Iv}
	labelFile.Expand(prk, once.key[:])
	return once, nil
}
