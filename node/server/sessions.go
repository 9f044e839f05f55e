package server

import (
	"slices"
	"sync"

	"sotto/node/chat"
	"sotto/node/keys"
	"sotto/wire"
)

// sessions is the table of who is online: one session a user. Visitors are not in
// it, but are kept count of.
type sessions struct {
	mu       sync.Mutex
	byName   map[string]*session // by folded name
	visitors []*session          // those who wait for something to be made known, the oldest first
}

// errCrowded ends a visit that has lasted longer than those of all others.
var errCrowded = &ending{code: wire.CloseCodeOverloaded, reason: "too many visitors"}

// visit counts a session that can't begin yet. One invitation or one password opens any
// number of them, so they must not take the places of all others: of too many the
// oldest ends, which had the most time to do what it came for.
func (t *sessions) visit(s *session, most int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.gone {
		return
	}
	t.visitors = append(t.visitors, s)
	if len(t.visitors) > most {
		t.visitors[0].end(errCrowded)
		t.visitors = slices.Delete(t.visitors, 0, 1)
	}
}

// visited takes a session off the visitors, if it is one.
func (t *sessions) visited(s *session) {
	if i := slices.Index(t.visitors, s); i >= 0 {
		t.visitors = slices.Delete(t.visitors, i, i+1)
	}
}

// enter makes s its user's session and ends the one that had its place, unless s
// has left before it came. The others are told within the table's lock, so that
// two changes of one user reach everybody in the same order; telling never
// waits.
func (t *sessions) enter(s *session) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.gone {
		return false
	}
	t.visited(s)
	name := keys.Fold(s.account.name)
	old := t.byName[name]
	t.byName[name] = s
	if old == nil {
		t.tellOthers(s, wire.OnlineOnline)
		return true
	}
	s.srv.count(SessionReplaced)
	old.end(&ending{
		code:   wire.CloseCodeReplaced,
		reason: "logged in from elsewhere",
		last: &wire.Push{Type: wire.PushTypeReplaced, Replaced: wire.Replaced{
			By:     chat.NetAddress(s.conn.PeerAddr()),
			TimeMs: unixMs(s.srv.clock()),
		}},
	})
	return true
}

// leave takes s out of the table unless a newer session has its place, and
// keeps it out.
func (t *sessions) leave(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.visited(s)
	if s.gone = true; s.account == nil {
		return
	}
	name := keys.Fold(s.account.name)
	if t.byName[name] != s {
		return
	}
	delete(t.byName, name)
	t.tellOthers(s, wire.OnlineOffline)
}

func (t *sessions) tellOthers(s *session, o wire.Online) {
	p := &wire.Push{
		Type:     wire.PushTypePresence,
		Presence: wire.Presence{Name: s.account.name, Online: o},
	}
	for _, other := range t.byName {
		if other != s {
			other.tell(p)
		}
	}
}

// find returns the session of an account, or nil.
func (t *sessions) find(a *account) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byName[keys.Fold(a.name)]
}

// tellAll tells every session.
func (t *sessions) tellAll(p *wire.Push) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.byName {
		s.tell(p)
	}
}

// states returns all accounts and who of them is online.
func (t *sessions) states(a *accounts) []wire.UserState {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := a.all()
	states := make([]wire.UserState, len(all))
	for i, acc := range all {
		states[i].Name = acc.name
		if t.byName[keys.Fold(acc.name)] != nil {
			states[i].Online = wire.OnlineOnline
		}
	}
	return states
}
