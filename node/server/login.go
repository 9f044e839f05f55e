package server

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"sotto/node/login/classic"
	"sotto/node/store"
	"sotto/node/transport"
	"sotto/wire"
)

// markTimeout bounds how long a login waits for the store. A login whose mark
// is not surely on disk by then is dropped.
const markTimeout = 5 * time.Second

// A responder lets the transport ask the login.
type responder struct {
	login *classic.Server
}

func (r responder) First(now time.Time, from netip.AddrPort, msg []byte) (transport.Verdict, []byte) {
	switch verdict, reply := r.login.First(now, from, msg); verdict {
	case classic.Retry:
		return transport.Retry, reply
	case classic.Proceed:
		return transport.Proceed, reply
	default:
		return transport.Drop, nil
	}
}

func (r responder) Begin(now time.Time, from netip.AddrPort, conn [32]byte) transport.Handshake {
	return r.login.Begin(now, from, conn)
}

// records reads the login's records from the store.
type records struct {
	engine store.Engine
}

func (r records) Record(folded string) (*wire.Record, error) {
	ctx, cancel := context.WithTimeout(context.Background(), markTimeout)
	defer cancel()
	u, err := r.engine.User(ctx, folded)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var rec wire.Record
	if err := rec.UnmarshalBinary(u.Record); err != nil {
		return nil, err
	}
	return &rec, nil
}

// marks keeps used challenges in the store, so that a restart forgets none.
type marks struct {
	engine store.Engine
}

func (m marks) Mark(now time.Time, key [32]byte, expires time.Time) (fresh bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), markTimeout)
	defer cancel()
	res, err := m.engine.Do(ctx, store.Op{
		At:   now.UnixMilli(),
		Mark: &store.Mark{Key: key, ExpiresMs: uint64(expires.UnixMilli())},
	})
	return res.Fresh, err
}
