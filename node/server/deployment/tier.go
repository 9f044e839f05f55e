package deployment

import (
	"crypto/rand"
	"fmt"

	"sotto/node/keys"
	"sotto/wire"
)

// A Tier is which protocol a deployment speaks. It is chosen when the keys are
// made and stays: keys, users and logins of the two have nothing in common.
type Tier uint8

// The tiers.
const (
	Default Tier = iota
	Classic
)

func (t Tier) String() string {
	if t == Classic {
		return "classic"
	}
	return "default"
}

// A TierError says that a deployment is of another tier than was asked for.
type TierError struct {
	Dir string
	Is  Tier
}

func (e *TierError) Error() string {
	return fmt.Sprintf("the server in %s is of the %s tier", e.Dir, e.Is)
}

// Keys are a server's keys and lasting secrets. One of the two is set.
type Keys struct {
	Host   *keys.Host       // of the default tier
	Server *keys.ServerFile // of the classic tier
}

// newKeys draws the secrets of a new server.
func newKeys(tier Tier) (k Keys, err error) {
	if tier == Classic {
		k.Server, err = keys.NewServerFile(rand.Reader)
	} else {
		k.Host, err = keys.NewHost(rand.Reader)
	}
	return k, err
}

// parseKeys reads a key file of either tier.
func parseKeys(b []byte) (k Keys, err error) {
	var file wire.KeyFile
	if file.UnmarshalBinary(b) == nil && file.Kind == wire.KeyFileKindServer {
		k.Server, err = keys.ParseServerFile(b, nil, keys.Stretch{})
	} else {
		k.Host, err = keys.ParseHostFile(b, nil, keys.Stretch{})
	}
	return k, err
}

// Tier returns which tier the keys are of.
func (k Keys) Tier() Tier {
	if k.Server != nil {
		return Classic
	}
	return Default
}

// Fingerprint returns what people compare to know the server.
func (k Keys) Fingerprint() string {
	if k.Server != nil {
		return k.Server.Identity.Public().Fingerprint()
	}
	return keys.Fingerprint(k.Host.Id())
}

// files returns the bytes of both key files.
func (k Keys) files() (secret, public []byte, err error) {
	if k.Server != nil {
		if public, err = keys.MarshalPublicFile(k.Server.Identity.Public()); err != nil {
			return nil, nil, err
		}
		secret, err = k.Server.Marshal(rand.Reader, nil, keys.Stretch{})
		return secret, public, err
	}
	key := k.Host.Key()
	if public, err = keys.MarshalHostPublicFile(&key); err != nil {
		return nil, nil, err
	}
	secret, err = k.Host.Marshal(rand.Reader, nil, keys.Stretch{})
	return secret, public, err
}
