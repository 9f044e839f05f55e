package transport

import "sync"

const tableShards = 64

// A table finds connections by the ID that this end chose for them. It is split
// so that the reader and those who dial rarely meet.
type table struct {
	shards [tableShards]struct {
		sync.RWMutex
		conns map[uint64]*Conn
	}
}

func (t *table) get(id uint64) *Conn {
	s := &t.shards[id%tableShards]
	s.RLock()
	c := s.conns[id]
	s.RUnlock()
	return c
}

// add reports false if the ID is taken.
func (t *table) add(id uint64, c *Conn) bool {
	s := &t.shards[id%tableShards]
	s.Lock()
	defer s.Unlock()
	if s.conns[id] != nil || id == 0 {
		return false
	}
	if s.conns == nil {
		s.conns = make(map[uint64]*Conn)
	}
	s.conns[id] = c
	return true
}

func (t *table) remove(id uint64) {
	s := &t.shards[id%tableShards]
	s.Lock()
	delete(s.conns, id)
	s.Unlock()
}

// all lists the connections.
func (t *table) all() []*Conn {
	var list []*Conn
	for i := range t.shards {
		s := &t.shards[i]
		s.RLock()
		for _, c := range s.conns {
			list = append(list, c)
		}
		s.RUnlock()
	}
	return list
}
