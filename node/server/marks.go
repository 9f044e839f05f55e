package server

import (
	"context"
	"time"

	"sotto/node/store"
)

// markTimeout bounds how long a login waits for the store. A login whose mark
// is not surely on disk by then is dropped.
const markTimeout = 5 * time.Second

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
