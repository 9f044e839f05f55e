package client

import (
	"context"
	"fmt"

	"sotto/node/client/profile"
	"sotto/node/directory"
	"sotto/node/envelope"
	"sotto/node/keys"
	"sotto/wire"
)

// known gives everybody whom the profile knows.
func (t *defaultTier) known(ctx context.Context) ([]peer, error) {
	shown, err := t.log.contacts(ctx)
	if err != nil {
		return nil, err
	}
	stored, err := t.profile.Peers(ctx)
	if err != nil {
		return nil, fmt.Errorf("client: read the known keys: %w", err)
	}
	var peers []peer
	for _, p := range stored {
		next, err := shownPeer(&p, shown[keys.Fold(p.Name)])
		if err != nil {
			return nil, err
		}
		peers = append(peers, next)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.contacts = shown
	return peers, nil
}

// shownPeer is a user as the profile knows him and as the log shows him.
func shownPeer(p *profile.Peer, shown *envelope.Contact) (next peer, err error) {
	next = peer{name: p.Name, verified: p.Verified}
	if shown != nil {
		next.name = shown.Name()
	}
	if next.key, err = newContactPin(next.name, p.Key, shown); err != nil {
		return next, fmt.Errorf("client: the known keys of %s: %w", p.Name, err)
	}
	if p.Changed != nil {
		if next.changed, err = newContactPin(next.name, p.Changed, shown); err != nil {
			return next, fmt.Errorf("client: the new keys of %s: %w", p.Name, err)
		}
	}
	return next, nil
}

// roster says what the log shows now of those who changed, and what of it is to
// be told.
func (t *defaultTier) roster(ctx context.Context, g *grown) (*roster, error) {
	latest := make(map[string]*directory.Entry) // by folded name
	for i := range g.changes {
		e := g.changes[i].Entry
		latest[keys.Fold(e.User())] = e
	}
	r := &roster{changed: g.changed}
	t.mu.Lock()
	defer t.mu.Unlock()
	for folded, e := range latest {
		contact := shownContact(e)
		stored, err := t.profile.Peer(ctx, e.User())
		if err != nil {
			return nil, fmt.Errorf("client: read the known keys: %w", err)
		}
		next, err := shownPeer(&stored, contact)
		if err != nil {
			return nil, err
		}
		r.peers = append(r.peers, next)
		t.contacts[folded] = contact
	}
	r.events, t.pending = t.pending, nil
	for i := range g.changes {
		if said := accountChanged(&g.changes[i]); said != nil {
			r.events = append(r.events, *said)
		}
	}
	return r, nil
}

// accountChanged says what is new of an account, or nil if there is nothing to
// say: of a newcomer, of the first device of an account, of what was done here,
// and of keys that nobody vouches for, which are an alarm of their own.
func accountChanged(c *directory.Change) *AccountChanged {
	if c.Before == nil || c.Entry.Body().Why == wire.EntryWhyReset || c.Own && len(c.Alarms) == 0 {
		return nil
	}
	said := &AccountChanged{User: c.Entry.User(), Own: c.Own, Rotated: c.Vouched()}
	if len(c.Before.Body().Devices) > 0 {
		said.Added = deviceNames(c.Added)
	}
	said.Removed = deviceNames(c.Removed)
	if !said.Rotated && len(said.Added) == 0 && len(said.Removed) == 0 {
		return nil
	}
	return said
}

func deviceNames(devices []wire.Device) (names []string) {
	for i := range devices {
		names = append(names, devices[i].Name)
	}
	return names
}
