package keys

import (
	"encoding"
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

// CheckDeviceKeys reports whether a device can have such keys.
func CheckDeviceKeys(k *wire.DeviceKeys) error { return checkKeys("device", k.Sign, &k.Seal) }

// CheckServerKey reports whether a server can have such a key.
func CheckServerKey(k *wire.ServerKey) error { return checkKeys("server", k.Sign, &k.Seal) }

func checkKeys(whose string, sign wire.VerifyKey, seal *wire.SealingKey) error {
	if isWeak(sign) {
		return fmt.Errorf("%s key: not a key that can sign", whose)
	}
	if err := CheckSealingKey(seal); err != nil {
		return fmt.Errorf("%s key: %w", whose, err)
	}
	return nil
}
