package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sotto/node/chat"
	"sotto/node/client/profile"
	"sotto/node/directory"
	"sotto/node/envelope"
	"sotto/node/keys"
	"sotto/wire"
)

// A follower follows the log: it asks the server for what is missing, has a
// directory.Follower judge it, and keeps in the profile what was taken. What
// contradicts the log as it was seen before is a *DirectoryError, an alarm.
type follower struct {
	profile *profile.Profile
	now     func() time.Time

	mu    sync.Mutex
	f     *directory.Follower
	fresh bool // this profile has never had all of the log: what happened before is no news to it

	// pinned are, by folded name, those whose keys a fresh profile relies on all the same:
	// it had the log of a server whose place this one has taken.
	pinned map[string]bool
}

// A grown is what the log has grown by.
type grown struct {
	changes []directory.Change
	changed []string // users whose new keys are not vouched for by the ones we rely on
}

func (g *grown) add(more *grown) {
	g.changes = append(g.changes, more.changes...)
	g.changed = append(g.changed, more.changed...)
}

// newFollower goes on from what the profile holds.
func newFollower(ctx context.Context, cfg *Config) (*follower, error) {
	history := &wire.ServerHistory{First: *cfg.ServerKey.key}
	b, err := cfg.Profile.ServerHistory(ctx)
	if err == nil {
		history = new(wire.ServerHistory)
		err = history.UnmarshalBinary(b)
	}
	if err != nil && !errors.Is(err, profile.ErrNotFound) {
		return nil, fmt.Errorf("client: read the server's keys: %w", err)
	}
	stored, err := cfg.Profile.Log(ctx)
	if err != nil {
		return nil, fmt.Errorf("client: read the log: %w", err)
	}
	seen := directory.Seen{Leaves: stored.Leaves, Waiting: make([]wire.TreeHead, len(stored.Waiting))}
	if stored.Head != nil {
		err = seen.Head.UnmarshalBinary(stored.Head)
	}
	for i, b := range stored.Waiting {
		err = errors.Join(err, seen.Waiting[i].UnmarshalBinary(b))
	}
	if err != nil {
		return nil, fmt.Errorf("client: read the log: %w", err)
	}
	f := directory.NewFollower(history, directory.Own{User: cfg.User}, cfg.Profile, seen)
	peers, err := cfg.Profile.Peers(ctx)
	if err != nil {
		return nil, fmt.Errorf("client: read the known keys: %w", err)
	}
	l := &follower{profile: cfg.Profile, now: cfg.Now, f: f, fresh: seen.Leaves == 0, pinned: make(map[string]bool)}
	for i := range peers {
		l.pinned[keys.Fold(peers[i].Name)] = true
	}
	return l, nil
}

// update runs f, which takes something, and keeps what follows from it.
func (l *follower) update(ctx context.Context, take func(*directory.Follower) (*directory.Update, error)) (*grown, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u, err := take(l.f)
	if err != nil {
		return nil, l.judge(ctx, err)
	}
	g := new(grown)
	if u == nil {
		return g, nil
	}
	stored, err := logUpdate(u, func(user string) bool { return l.fresh && !l.pinned[keys.Fold(user)] })
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	// Not even the end of a login interrupts the disk.
	if g.changed, err = l.profile.GrowLog(context.WithoutCancel(ctx), stored); err != nil {
		return nil, err
	}
	l.f.Keep(u)
	if !l.fresh {
		g.changes = u.Changes
	}
	l.fresh = l.fresh && l.f.Behind()
	return g, nil
}

// judge says what it means that something was not taken. Evidence is kept before
// anybody is told.
func (l *follower) judge(ctx context.Context, err error) error {
	var fork *directory.ForkError
	var leaf *directory.LeafError
	switch {
	case errors.As(err, &fork):
		b, encodeErr := fork.Evidence.MarshalBinary()
		if encodeErr == nil {
			encodeErr = l.profile.KeepEvidence(context.WithoutCancel(ctx), l.now().UnixMilli(), b)
		}
		if encodeErr != nil {
			return &DirectoryError{Why: errors.Join(err, fmt.Errorf("the evidence could not be kept: %w", encodeErr))}
		}
		return &DirectoryError{Why: err, Evidence: l.profile.Path()}
	case errors.Is(err, directory.ErrRollback), errors.Is(err, directory.ErrProof), errors.Is(err, directory.ErrLeaves),
		errors.Is(err, directory.ErrHead), errors.As(err, &leaf):
		return &DirectoryError{Why: err}
	}
	return err
}

// logUpdate is an update as the profile keeps it. Of a user who is new to the profile
// it relies on the last keys, whatever they followed.
func logUpdate(u *directory.Update, isNew func(user string) bool) (s profile.LogUpdate, err error) {
	s = profile.LogUpdate{From: u.From, Hashes: u.Hashes}
	s.Leaves = u.Seen.Leaves
	if s.Head, err = u.Seen.Head.MarshalBinary(); err != nil {
		return s, err
	}
	for i := range u.Seen.Waiting {
		b, err := u.Seen.Waiting[i].MarshalBinary()
		if err != nil {
			return s, err
		}
		s.Waiting = append(s.Waiting, b)
	}
	for i := range u.Changes {
		c := &u.Changes[i]
		stored := profile.LogChange{User: c.Entry.User(), Entry: c.Entry.Bytes()}
		if stored.Key, err = c.Entry.Body().Account.MarshalBinary(); err != nil {
			return s, err
		}
		stored.Retired = c.Retired
		switch why := c.Entry.Body().Why; {
		case c.Own && c.Vouched():
			was := c.Before.Account()
			stored.Former = &was
		case c.Own:
			stored.Anew = why == wire.EntryWhyCreated || why == wire.EntryWhyReset
		}
		if c.Before != nil && (c.Vouched() || isNew(c.Entry.User())) {
			if stored.Was, err = c.Before.Body().Account.MarshalBinary(); err != nil {
				return s, err
			}
		}
		s.Changes = append(s.Changes, stored)
	}
	return s, nil
}

// begin takes the head of a B6, and then all leaves that are missing.
func (l *follower) begin(ctx context.Context, ask asker, q directory.Question, head *wire.TreeHead, proof *wire.TreeProof) (*grown, error) {
	g, err := l.update(ctx, func(f *directory.Follower) (*directory.Update, error) { return f.TakeHead(ctx, q, head, proof) })
	if err != nil {
		return nil, err
	}
	more, err := l.catchUp(ctx, ask, false)
	if err != nil {
		return nil, err
	}
	g.add(more)
	return g, nil
}

// hear takes a head that the server or another user shows.
func (l *follower) hear(ctx context.Context, head *wire.TreeHead) error {
	_, err := l.update(ctx, func(f *directory.Follower) (*directory.Update, error) { return f.Hear(ctx, head) })
	return err
}

// catchUp asks for leaves until all are there that anybody has shown a head of;
// if so it is wanted, once at least.
func (l *follower) catchUp(ctx context.Context, ask asker, once bool) (*grown, error) {
	g := new(grown)
	for {
		q, behind := l.question()
		if !behind && !once {
			return g, nil
		}
		once = false
		reply, err := ask(ctx, &wire.Request{Type: wire.RequestTypeLeaves, Leaves: wire.LeavesRequest{From: q.From}})
		var refused *chat.Refusal
		if errors.As(err, &refused) && refused.Retry > 0 && sleep(ctx, refused.Retry) {
			continue
		}
		if err != nil {
			return nil, err
		}
		more, err := l.update(ctx, func(f *directory.Follower) (*directory.Update, error) {
			return f.TakeLeaves(ctx, q, &reply.Leaves)
		})
		if errors.Is(err, directory.ErrOvertaken) {
			continue
		}
		if err != nil {
			return nil, err
		}
		g.add(more)
	}
}

// question makes the next question, and reports whether there is anything to ask
// for.
func (l *follower) question() (q directory.Question, behind bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.f.Ask(), l.f.Behind()
}

// head is the newest that was checked.
func (l *follower) head() wire.TreeHead {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.f.Seen().Head
}

// with lets f tell the directory.Follower something.
func (l *follower) with(f func(*directory.Follower)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.f)
}

// entry gives the last entry of a user, or nil.
func (l *follower) entry(ctx context.Context, user string) (*directory.Entry, error) {
	b, err := l.profile.Entry(ctx, user)
	if err != nil || b == nil {
		return nil, err
	}
	return directory.Stored(b)
}

// contacts gives everybody, by folded name, as the log shows them.
func (l *follower) contacts(ctx context.Context) (map[string]*envelope.Contact, error) {
	entries, err := l.profile.Entries(ctx)
	if err != nil {
		return nil, fmt.Errorf("client: read the log: %w", err)
	}
	shown := make(map[string]*envelope.Contact, len(entries))
	for _, b := range entries {
		e, err := directory.Stored(b)
		if err != nil {
			return nil, fmt.Errorf("client: read the log: %w", err)
		}
		shown[keys.Fold(e.User())] = shownContact(e)
	}
	return shown, nil
}

// shownContact is a user as an entry shows him.
func shownContact(e *directory.Entry) *envelope.Contact {
	body := e.Body()
	return envelope.NewContact(body.User, &body.Account, body.Devices)
}
