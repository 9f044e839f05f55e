package server

import (
	"sync"

	"sotto/node/chat"
	"sotto/node/keys"
	"sotto/wire"
)

// sessions is the table of who is online: one session a user.
type sessions struct {
	mu     sync.Mutex
	byName map[string]*session // by folded name
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
