package keys

import (
	"errors"
	"fmt"
	"io"

	"sotto/wire"
	"sotto/wire/codec"
)

// Errors of key files.
var (
	ErrPassphraseNeeded = errors.New("the key file is protected by a passphrase")
	ErrPassphrase       = errors.New("wrong passphrase for the key file")
	ErrKeyFile          = errors.New("not a key file, or damaged")
)

// A ServerFile is what a server keeps secret, as it lies on disk.
type ServerFile struct {
	Identity *Identity
	Secret   [32]byte // credentials of users that don't exist are derived from it
}

// NewServerFile draws the secrets of a new server.
func NewServerFile(random io.Reader) (*ServerFile, error) {
	identity, err := Generate(random)
	if err != nil {
		return nil, err
	}
	f := &ServerFile{Identity: identity}
	if err := fill(random, f.Secret[:]); err != nil {
		return nil, fmt.Errorf("server key: %w", err)
	}
	return f, nil
}

// String shows the fingerprint and no secret.
func (f *ServerFile) String() string { return "server key " + f.Identity.public.Fingerprint() }

// GoString keeps %#v from showing what String hides.
func (f *ServerFile) GoString() string { return f.String() }

// Marshal returns the bytes of the key file. With a passphrase the secrets lie
// in a box under it; stretch is its zero value except in tests.
func (f *ServerFile) Marshal(random io.Reader, passphrase []byte, stretch Stretch) ([]byte, error) {
	file := wire.KeyFile{Kind: wire.KeyFileKindServer}
	secrets := wire.ServerSecrets{Secret: f.Secret, Key: f.Identity.Wire()}
	if passphrase == nil {
		file.Server = wire.ServerKeyFile{Box: wire.BoxKindOpen, Open: secrets}
		return file.MarshalBinary()
	}
	box, err := sealBox(random, passphrase, stretch, &secrets)
	if err != nil {
		return nil, fmt.Errorf("server key: %w", err)
	}
	file.Server = wire.ServerKeyFile{Box: wire.BoxKindPassphrase, Passphrase: *box}
	return file.MarshalBinary()
}

// ParseServerFile reads a server's key file. The error is one clear line; it is
// ErrPassphraseNeeded or ErrPassphrase where the passphrase is at fault.
func ParseServerFile(b, passphrase []byte, stretch Stretch) (*ServerFile, error) {
	file, err := parseFile(b, wire.KeyFileKindServer)
	if err != nil {
		return nil, err
	}
	secrets := &file.Server.Open
	if file.Server.Box == wire.BoxKindPassphrase {
		if err := openBox(&file.Server.Passphrase, passphrase, stretch, secrets); err != nil {
			return nil, err
		}
	}
	identity, err := NewIdentity(&secrets.Key)
	if err != nil {
		return nil, err
	}
	return &ServerFile{Identity: identity, Secret: secrets.Secret}, nil
}

// MarshalPublicFile returns the bytes of a file that tells a client its server's key.
func MarshalPublicFile(k *PublicKey) ([]byte, error) {
	file := wire.KeyFile{
		Kind:         wire.KeyFileKindServerPublic,
		ServerPublic: wire.PublicKeyFile{Modulus: k.modulus},
	}
	return file.MarshalBinary()
}

// ParsePublicFile reads such a file. The error is one clear line.
func ParsePublicFile(b []byte) (*PublicKey, error) {
	file, err := parseFile(b, wire.KeyFileKindServerPublic)
	if err != nil {
		return nil, err
	}
	return NewPublicKey(file.ServerPublic.Modulus)
}

// parseFile decodes a key file of the kind that is wanted.
func parseFile(b []byte, want wire.KeyFileKind) (*wire.KeyFile, error) {
	file := new(wire.KeyFile)
	err := file.UnmarshalBinary(b)
	switch {
	case errors.Is(err, codec.ErrShort):
		return nil, errors.New("the key file is truncated")
	case err != nil:
		return nil, ErrKeyFile
	case file.Kind != want:
		return nil, fmt.Errorf("this is %s, not %s", fileKinds[file.Kind], fileKinds[want])
	}
	return file, nil
}

// fileKinds say what a person who has taken the wrong file has in his hands.
var fileKinds = map[wire.KeyFileKind]string{
	wire.KeyFileKindServer:       "a server's secret key file of the classic tier",
	wire.KeyFileKindServerPublic: "a server's public key file of the classic tier",
	wire.KeyFileKindHost:         "a server's secret key file",
	wire.KeyFileKindHostPublic:   "a server's public key file",
	wire.KeyFileKindDevice:       "a device's key file",
}
