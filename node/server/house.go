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

// keepHouse does what time asks for until ctx ends: it drops what is over,
// lets the tier do its own, and says in the log when the store stops or starts
// to work.
func (s *Server) keepHouse(ctx context.Context) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	healthy := true
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.expire(ctx)
		s.tier.keepHouse(ctx)
		if err := s.engine.Health().Err; (err == nil) != healthy {
			if healthy = err == nil; healthy {
				s.log.Info("the state is written again")
			} else {
				s.log.Error("the state cannot be written; messages are refused until it can", "why", err)
			}
		}
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
