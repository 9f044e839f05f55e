package server

import (
	"sync"

	"sotto/wire"
)

// visitors are the allowances of those who have no account yet: one for each invitation,
// so that logging in with it again brings nothing. Of too many the oldest is forgotten. Who
// makes them so many has no more than all these invitations give him.
type visitors struct {
	most int

	mu         sync.Mutex
	allowances map[wire.Invitation]*allowance
	order      []wire.Invitation // the oldest first
}

// allowance returns what may still be asked for with an invitation.
func (v *visitors) allowance(in wire.Invitation) *allowance {
	v.mu.Lock()
	defer v.mu.Unlock()
	if a := v.allowances[in]; a != nil {
		return a
	}
	if v.allowances == nil {
		v.allowances = make(map[wire.Invitation]*allowance)
	}
	if len(v.order) >= v.most {
		delete(v.allowances, v.order[0])
		v.order = v.order[1:]
	}
	a := new(allowance)
	v.allowances[in], v.order = a, append(v.order, in)
	return a
}
