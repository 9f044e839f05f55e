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
// signs the next manifest before this one ends, and says in the log when the
// store stops or starts to work.
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
		s.renewManifest(ctx)
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

// renewManifest signs the next manifest when this one is stale, and tells the
// clients that are here.
func (s *Server) renewManifest(ctx context.Context) {
	old := s.manifest.Load()
	now := s.clock()
	if !old.Stale(now) {
		return
	}
	m, err := currentManifest(ctx, s.engine, s.source, s.identity, s.accounts, now)
	if err != nil {
		s.log.Error("no new manifest", "why", err, "expires", old.Expires())
		return
	}
	push, err := manifestPush(m)
	if err != nil {
		s.log.Error("no new manifest", "why", err, "expires", old.Expires())
		return
	}
	s.manifest.Store(m)
	s.online.tellAll(push)
	s.log.Info("manifest renewed", "version", m.Seen().Version, "expires", m.Expires())
}
