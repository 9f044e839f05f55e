package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sotto/node/keys"
	"sotto/wire"
)

// A User is one line of List.
type User struct {
	Name       string
	Online     bool
	Verified   bool // his key has been compared
	KeyChanged bool // and the new key is not accepted
}

// takeRoster takes what the directory says of the users, after it was checked
// and stored.
func (l *loop) takeRoster(r *roster) {
	l.setPeers(r.peers)
	for _, e := range r.events {
		l.emit(e)
	}
	for _, name := range r.changed {
		if ct := l.contacts[keys.Fold(name)]; ct != nil && ct.changed != nil {
			l.emit(KeyChanged{User: ct.name, Fingerprint: keys.Fingerprint(ct.changed.id())})
			l.stop(ct)
		}
	}
	for _, p := range r.peers {
		l.dropStrangers(l.contacts[keys.Fold(p.name)])
	}
}

// setPeers takes the keys that count.
func (l *loop) setPeers(peers []peer) {
	for _, p := range peers {
		ct := l.contacts[keys.Fold(p.name)]
		if ct == nil {
			ct = &contact{}
			ct.out.to = p.name
			l.contacts[keys.Fold(p.name)] = ct
		}
		ct.name, ct.key, ct.changed, ct.verified = p.name, p.key, p.changed, p.verified
	}
}

// stop ends sending to somebody whose key changed. What nobody else has yet is
// sealed to the old key: it fails, and its text becomes a draft. So it is with what lay
// in the outbox as the client started.
func (l *loop) stop(ct *contact) {
	for _, o := range slices.Clone(ct.out.queue) {
		if o.place != placeHeld {
			l.withdraw(ct, o, ct.name+"'s key changed before it was sent")
		}
	}
}

// contact gives the user of a name in any case, other than ourselves.
func (l *loop) contact(name string) (*contact, error) {
	if ct := l.contacts[keys.Fold(name)]; ct != nil {
		return ct, nil
	}
	var names []string
	for _, ct := range l.contacts {
		names = append(names, ct.name)
	}
	slices.Sort(names)
	return nil, &UnknownUserError{Name: name, Nearest: nearest(name, names)}
}

// List asks the server who is online and gives all users, ourselves among
// them, in the order of their names.
func (c *Client) List(ctx context.Context) ([]User, error) {
	k, err := c.session(ctx)
	if err != nil {
		return nil, err
	}
	reply, err := c.ask(ctx, k, &wire.Request{Type: wire.RequestTypeList})
	if err != nil {
		return nil, err
	}
	var users []User
	err = c.do(ctx, func(l *loop) {
		l.takeList(reply)
		for _, u := range reply.List.Users {
			user := User{Name: u.Name, Online: u.Online == wire.OnlineOnline}
			if ct := l.contacts[keys.Fold(u.Name)]; ct != nil {
				user.Verified, user.KeyChanged = ct.verified, ct.changed != nil
			}
			users = append(users, user)
		}
	})
	return users, err
}

// session gives the link with the server, or ErrNoContact.
func (c *Client) session(ctx context.Context) (k *link, err error) {
	if err := c.do(ctx, func(l *loop) { k = l.link }); err != nil {
		return nil, err
	}
	if k == nil {
		return nil, ErrNoContact
	}
	return k, nil
}

// A Comparison is what two people read to each other to know that nobody is
// between them.
type Comparison struct {
	User        string
	Number      string // 60 digits, the same on both sides
	Fingerprint string // of the key that counts: the new one, if it changed
	Changed     bool   // the key is new and not accepted yet
	Verified    bool
}

// Compare gives what to compare with a user.
func (c *Client) Compare(ctx context.Context, name string) (Comparison, error) {
	var out Comparison
	var failed error
	err := c.do(ctx, func(l *loop) {
		ct, err := l.contact(name)
		if err != nil {
			failed = err
			return
		}
		key := ct.key
		if ct.changed != nil {
			key = ct.changed
		}
		out = Comparison{
			User: ct.name,
			Number: keys.SafetyNumber(
				keys.Party{Name: c.user, Key: c.tier.self()},
				keys.Party{Name: ct.name, Key: key.id()}),
			Fingerprint: keys.Fingerprint(key.id()),
			Changed:     ct.changed != nil,
			Verified:    ct.verified && ct.changed == nil,
		}
	})
	return out, errors.Join(err, failed)
}

// ErrDigits says that digits typed by a person are not those of the key.
var ErrDigits = errors.New("these are not the digits of the key")

// ErrSameKey says that there is no new key of a user to accept.
var ErrSameKey = errors.New("the key has not changed")

// digitsMin is how many digits of a fingerprint name a key: one group, as
// people read them.
const digitsMin = 5

// Trust accepts a user's new key, which the digits (the beginning of its
// fingerprint, five or more) name. Then it sends what was kept as drafts while
// sending was stopped, and gives how many they were.
func (c *Client) Trust(ctx context.Context, name, digits string) (drafts int, err error) {
	var key pin
	var failed error
	err = c.do(ctx, func(l *loop) {
		ct, err := l.contact(name)
		switch {
		case err != nil:
			failed = err
		case ct.changed == nil:
			failed = fmt.Errorf("%w: %s", ErrSameKey, ct.name)
		case !digitsOf(keys.Fingerprint(ct.changed.id()), digits):
			failed = ErrDigits
		default:
			name, key = ct.name, ct.changed
		}
	})
	if err := errors.Join(err, failed); err != nil {
		return 0, err
	}
	if err := c.cfg.Profile.AcceptPeer(ctx, name, key.bytes()); err != nil {
		return 0, err
	}
	err = c.do(ctx, func(l *loop) {
		ct, _ := l.contact(name)
		if ct.changed != nil && ct.changed.id() == key.id() {
			ct.key, ct.changed, ct.verified = key, nil, false
		}
	})
	if err != nil {
		return 0, err
	}
	return c.sendDrafts(ctx, name)
}

// Verified notes that a person has compared the whole number with a user.
func (c *Client) Verified(ctx context.Context, name, number string) error {
	seen, err := c.Compare(ctx, name)
	if err != nil {
		return err
	}
	if seen.Changed {
		return fmt.Errorf("%s's key is new: accept it first", seen.User)
	}
	if onlyDigits(number) != onlyDigits(seen.Number) {
		return ErrDigits
	}
	var key pin
	if err := c.do(ctx, func(l *loop) { key = l.contacts[keys.Fold(name)].key }); err != nil {
		return err
	}
	if err := c.cfg.Profile.SetVerified(ctx, seen.User, key.bytes()); err != nil {
		return err
	}
	return c.do(ctx, func(l *loop) { l.contacts[keys.Fold(name)].verified = true })
}

// digitsOf reports whether the digits that a person typed begin a fingerprint.
func digitsOf(fingerprint, typed string) bool {
	typed = onlyDigits(typed)
	return len(typed) >= digitsMin && strings.HasPrefix(onlyDigits(fingerprint), typed)
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
