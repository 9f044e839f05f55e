package server

import (
	"context"
	"time"

	"sotto/node/store"
)

const (
	expireEvery = time.Minute // the store drops used marks after a few of these
	expireMax   = 1000        // of each kind in one change, so that others need not wait
)

// keepHouse does what time asks for until ctx ends: it drops what is over and
// lets the tier do its own.
func (s *Server) keepHouse(ctx context.Context) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.expire(ctx)
		s.tier.keepHouse(ctx)
	}
}

// expire drops what nobody fetched in time.
func (s *Server) expire(ctx context.Context) {
	for ctx.Err() == nil {
		res, err := s.do(store.Op{Expire: &store.Expire{Max: expireMax}})
		if err != nil || res.Dropped == 0 {
			return
		}
	}
}
