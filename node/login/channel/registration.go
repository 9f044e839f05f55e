package channel

import (
	"errors"
	"fmt"
	"io"
	"time"

	"sotto/node/keys"
	"sotto/node/login/opaque"
	"sotto/wire"
)

func newOpaque(host *keys.Host) (*opaque.Server, error) {
	var secrets opaque.ServerSecrets
	defer secrets.Clear()
	secrets.OprfSeed, secrets.PrivateKey = host.Opaque()
	s, err := opaque.NewServer(&secrets)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	return s, nil
}

// A Registration is the client's side of making an account, or of giving it a new password. It
// goes over a session.
type Registration struct {
	realm wire.Realm
	user  string
	start *opaque.Registration
}

// StartRegistration begins to register a password: keys.ErrName, keys.ErrBadPassword.
func StartRegistration(random io.Reader, realm wire.Realm, user string, password []byte) (*Registration, *wire.OpaqueRequest, error) {
	if err := keys.CheckName(user); err != nil {
		return nil, nil, err
	}
	input, err := opaque.Input(password, identities(realm, user))
	if err != nil {
		return nil, nil, err
	}
	defer clear(input)
	start, request, err := opaque.StartRegistration(random, input)
	if err != nil {
		return nil, nil, fmt.Errorf("registration of %s: %w", user, err)
	}
	return &Registration{realm, user, start}, request, nil
}

// String shows whose registration it is, and no secret.
func (r *Registration) String() string { return "registration of " + r.user }

// GoString keeps %#v from showing what String hides.
func (r *Registration) GoString() string { return r.String() }

// Clear overwrites the secrets of a registration that is given up.
func (r *Registration) Clear() { r.start.Clear() }

// Finish makes what the server is to keep: the record of the password, and the account's
// keys under it. Whatever comes of it, the registration is over.
func (r *Registration) Finish(random io.Reader, response *wire.OpaqueResponse, account *keys.Account, stretch keys.Stretch) (*wire.OpaqueRecord, *wire.WrappedAccount, error) {
	record, k, err := r.start.Finish(random, response, identities(r.realm, r.user), stretch)
	if err != nil {
		return nil, nil, fmt.Errorf("registration of %s: %w", r.user, err)
	}
	defer k.Clear()
	wrapped, err := account.Wrap(random, &k.Export, r.realm, r.user)
	if err != nil {
		return nil, nil, err
	}
	return record, wrapped, nil
}

// A Registrar is the server's side. It keeps nothing and is safe for concurrent use.
type Registrar struct {
	realm  wire.Realm
	opaque *opaque.Server
}

// NewRegistrar makes a registrar of a server's secrets.
func NewRegistrar(host *keys.Host) (*Registrar, error) {
	s, err := newOpaque(host)
	if err != nil {
		return nil, err
	}
	return &Registrar{host.Realm(), s}, nil
}

// String shows nothing of its secrets.
func (r *Registrar) String() string { return "registrar" }

// GoString keeps %#v from showing what String hides.
func (r *Registrar) GoString() string { return r.String() }

// Respond answers a request. Whether there may be such a user, and that nobody but he registers
// over what there is, is for the caller to see to.
func (r *Registrar) Respond(user string, request *wire.OpaqueRequest) (*wire.OpaqueResponse, error) {
	if err := keys.CheckName(user); err != nil {
		return nil, err
	}
	return r.opaque.Register(request, []byte(keys.Fold(user)))
}

// ErrRecord says that what a client has sent to be kept of it is none of it.
var ErrRecord = errors.New("registration: not a record")

// Accept makes what the server keeps of what a client has sent.
func (r *Registrar) Accept(user string, record *[192]byte, wrapped *wire.WrappedAccount, now time.Time) (*wire.AccountRecord, error) {
	var decoded wire.OpaqueRecord
	if keys.CheckName(user) != nil || decoded.UnmarshalBinary(record[:]) != nil || opaque.CheckRecord(&decoded) != nil {
		return nil, ErrRecord
	}
	return &wire.AccountRecord{Name: user, Record: *record, Wrapped: *wrapped, SinceMs: uint64(max(now.UnixMilli(), 0))}, nil
}

// Register plays both sides, for an account that is made at the server itself.
func (r *Registrar) Register(random io.Reader, user string, password []byte, account *keys.Account, now time.Time, stretch keys.Stretch) (*wire.AccountRecord, error) {
	client, request, err := StartRegistration(random, r.realm, user, password)
	if err != nil {
		return nil, err
	}
	defer client.Clear()
	response, err := r.Respond(user, request)
	if err != nil {
		return nil, err
	}
	record, wrapped, err := client.Finish(random, response, account, stretch)
	if err != nil {
		return nil, err
	}
	b, err := encode(record)
	if err != nil {
		return nil, err
	}
	return r.Accept(user, (*[192]byte)(b), wrapped, now)
}
