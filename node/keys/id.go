package keys

import (
	"encoding"
	"errors"
	"fmt"

	"sotto/wire"
)

// ServerId names a server's public keys.
func ServerId(k *wire.ServerKey) wire.KeyId { return id(labelServerKey, k) }

// AccountId names an account's public keys.
func AccountId(k *wire.AccountKeys) wire.KeyId { return id(labelAccount, k) }

// DeviceId names a device's public keys.
func DeviceId(k *wire.DeviceKeys) wire.KeyId { return id(labelDevice, k) }

func id(l Label, k encoding.BinaryMarshaler) wire.KeyId { return wire.KeyId(l.Hash(mustEncode(k))) }

// mustEncode encodes a struct that has no bounds to break.
func mustEncode(m encoding.BinaryMarshaler) []byte {
	b, err := m.MarshalBinary()
	if err != nil {
		panic("keys: " + err.Error())
	}
	return b
}

// CheckServerKey reports whether a server can have such a key.
func CheckServerKey(k *wire.ServerKey) error {
	if isWeak(k.Sign) {
		return errors.New("server key: not a key that can sign")
	}
	if err := CheckSealingKey(&k.Seal); err != nil {
		return fmt.Errorf("server key: %w", err)
	}
	return nil
}
