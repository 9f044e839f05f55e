package keys

import (
	"errors"
	"fmt"
	"io"
	"time"

	"sotto/wire"
)

// A Host is what a server of the default tier keeps secret: its keys, and what its
// users' passwords, the users who don't exist and the invitations are derived from. It
// is safe for concurrent use, except with Rotate and Clear.
type Host struct {
	signer  *Signer
	sealer  *Sealer
	key     wire.ServerKey
	history wire.ServerHistory
	secrets hostSecrets
}

// hostSecrets are those that stay when the keys change.
type hostSecrets struct {
	oprfSeed         [64]byte
	opaqueKey, decoy [32]byte
}

// NewHost draws the secrets of a new server, and its realm.
func NewHost(random io.Reader) (*Host, error) {
	h := new(Host)
	s := &h.secrets
	for _, b := range [][]byte{h.key.Realm[:], s.oprfSeed[:], s.opaqueKey[:], s.decoy[:]} {
		if err := fill(random, b); err != nil {
			return nil, fmt.Errorf("server key: %w", err)
		}
	}
	// The key of OPAQUE is a scalar, little-endian. This takes those below 2^252, which
	// are all of them but for one part in 2^127.
	s.opaqueKey[31] &= 0x0f
	if err := h.draw(random); err != nil {
		return nil, err
	}
	h.history.First = h.key
	return h, nil
}

// draw draws the keys that clients pin.
func (h *Host) draw(random io.Reader) error {
	sign, err := NewSeed(random)
	if err != nil {
		return err
	}
	seal, err := NewSeed(random)
	if err != nil {
		return err
	}
	h.take(sign, seal)
	return nil
}

func (h *Host) take(sign, seal wire.Seed) {
	h.signer, h.sealer = NewSigner(sign), NewSealer(seal)
	h.key.Sign, h.key.Seal = h.signer.Public(), h.sealer.Public()
}

// Key returns the public half: what clients pin.
func (h *Host) Key() wire.ServerKey { return h.key }

// Id names the public half.
func (h *Host) Id() wire.KeyId { return ServerId(&h.key) }

// Realm returns what names the server through all its keys.
func (h *Host) Realm() wire.Realm { return h.key.Realm }

// Signer returns the key that signs.
func (h *Host) Signer() *Signer { return h.signer }

// Sealer returns the key to which clients seal.
func (h *Host) Sealer() *Sealer { return h.sealer }

// Opaque returns the secrets of the server's part in OPAQUE: the seed of the users' keys
// and the private key in 3DH.
func (h *Host) Opaque() (seed [64]byte, private [32]byte) {
	return h.secrets.oprfSeed, h.secrets.opaqueKey
}

// Decoy returns what the credentials of users who don't exist are derived from.
func (h *Host) Decoy() [32]byte { return h.secrets.decoy }

// History returns the way from the first key to the present one.
func (h *Host) History() *wire.ServerHistory { return &h.history }

// maxRotations is how many rotations a key file has room for, also in a box: one a year
// for a human life is too many, one every two years is not.
const maxRotations = 40

// Rotate replaces the keys. The old ones say so with their signature, and the realm
// stays. The caller writes the key file, and only then lets anybody see the new keys.
func (h *Host) Rotate(random io.Reader, now time.Time) error {
	if len(h.history.Rotations) >= maxRotations {
		return fmt.Errorf("server key: it was rotated %d times, the key file has no room for more", maxRotations)
	}
	old, id := h.signer, h.Id()
	oldSealer := h.sealer
	if err := h.draw(random); err != nil {
		return err
	}
	r := wire.KeyRotation{Body: wire.RotationBody{Old: id, New: h.key, SinceMs: uint64(max(now.UnixMilli(), 0))}}
	body := mustEncode(&r.Body)
	r.SigOld, r.SigNew = old.Sign(labelRotationOld, body), h.signer.Sign(labelRotationNew, body)
	h.history.Rotations = append(h.history.Rotations, r)
	old.Clear()
	oldSealer.Clear()
	return nil
}

// String shows the fingerprint and no secret.
func (h *Host) String() string { return "server key " + Fingerprint(h.Id()) }

// GoString keeps %#v from showing what String hides.
func (h *Host) GoString() string { return h.String() }

// Clear overwrites the secrets.
func (h *Host) Clear() {
	h.signer.Clear()
	h.sealer.Clear()
	h.secrets = hostSecrets{}
}

// Marshal returns the bytes of the key file, as ServerFile.Marshal does.
func (h *Host) Marshal(random io.Reader, passphrase []byte, stretch Stretch) ([]byte, error) {
	secrets := wire.HostSecrets{
		Realm: h.key.Realm, Sign: h.signer.seed(), Seal: h.sealer.seed,
		OprfSeed: h.secrets.oprfSeed, OpaqueKey: h.secrets.opaqueKey, Decoy: h.secrets.decoy,
		Rotations: h.history.Rotations, First: h.history.First,
	}
	defer func() { secrets = wire.HostSecrets{} }()
	file := wire.KeyFile{Kind: wire.KeyFileKindHost}
	if passphrase == nil {
		file.Host = wire.HostKeyFile{Box: wire.BoxKindOpen, Open: secrets}
		return file.MarshalBinary()
	}
	box, err := sealBox(random, passphrase, stretch, &secrets)
	if err != nil {
		return nil, fmt.Errorf("server key: %w", err)
	}
	file.Host = wire.HostKeyFile{Box: wire.BoxKindPassphrase, Passphrase: *box}
	return file.MarshalBinary()
}

// ParseHostFile reads the key file of a server. The error is one clear line; it is
// ErrPassphraseNeeded or ErrPassphrase where the passphrase is at fault.
func ParseHostFile(b, passphrase []byte, stretch Stretch) (*Host, error) {
	file, err := parseFile(b, wire.KeyFileKindHost)
	if err != nil {
		return nil, err
	}
	secrets := &file.Host.Open
	if file.Host.Box == wire.BoxKindPassphrase {
		if err := openBox(&file.Host.Passphrase, passphrase, stretch, secrets); err != nil {
			return nil, err
		}
	}
	defer func() { *secrets = wire.HostSecrets{} }()
	h := &Host{
		key:     wire.ServerKey{Realm: secrets.Realm},
		history: wire.ServerHistory{First: secrets.First, Rotations: secrets.Rotations},
		secrets: hostSecrets{secrets.OprfSeed, secrets.OpaqueKey, secrets.Decoy},
	}
	h.take(secrets.Sign, secrets.Seal)
	last, _, err := Follow(&h.history, h.Id())
	if err != nil || last != h.key {
		return nil, errors.New("the key file's rotations do not lead to its key")
	}
	return h, nil
}

// MarshalHostPublicFile returns the bytes of a file that tells a client its server's key.
func MarshalHostPublicFile(k *wire.ServerKey) ([]byte, error) {
	file := wire.KeyFile{Kind: wire.KeyFileKindHostPublic, HostPublic: *k}
	return file.MarshalBinary()
}

// ParseHostPublicFile reads such a file. The error is one clear line.
func ParseHostPublicFile(b []byte) (*wire.ServerKey, error) {
	file, err := parseFile(b, wire.KeyFileKindHostPublic)
	if err != nil {
		return nil, err
	}
	if CheckServerKey(&file.HostPublic) != nil {
		return nil, ErrKeyFile
	}
	return &file.HostPublic, nil
}
