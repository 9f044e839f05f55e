package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/node/store"
	"sotto/wire"
)

// readBytes is how many bytes of leaves are read or given at a time.
const readBytes = 256 << 10

// advance reads what the log has more than the head says, and signs the new
// head. Nobody else may do so meanwhile.
func (l *Ledger) advance(ctx context.Context) error {
	size := l.Head().Leaves
	changed := make(map[string]*Account)
	for {
		leaves, err := l.engine.Leaves(ctx, size, readBytes)
		if err != nil {
			return err
		}
		if len(leaves) == 0 {
			break
		}
		for _, b := range leaves {
			a, err := l.account(b, size)
			if err != nil {
				return fmt.Errorf("leaf %d: %w", size, err)
			}
			folded := keys.Fold(a.Name)
			before := changed[folded]
			if before == nil {
				before = l.Account(folded)
			}
			a.retire(before)
			changed[folded] = a
			size++
		}
	}
	if size == l.Head().Leaves && l.signed {
		return nil
	}
	if err := l.fill(ctx, changed); err != nil {
		return err
	}
	head, err := directory.SignHead(l.host.Signer(), l.host.Realm(), size, l.engine.Hashes(ctx))
	if err != nil {
		return err
	}
	l.publish(&head, changed)
	if l.grown != nil {
		all := make([]*Account, 0, len(changed))
		for _, name := range slices.Sorted(maps.Keys(changed)) {
			all = append(all, changed[name])
		}
		l.grown(&head, all)
	}
	return nil
}

// publish lets everybody see a new head and what changed with it.
func (l *Ledger) publish(head *wire.TreeHead, changed map[string]*Account) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.Copy(l.accounts, changed)
	l.head = *head
	l.signed = true
}

// account returns what a leaf says.
func (l *Ledger) account(b []byte, leaf uint64) (*Account, error) {
	e, err := directory.Stored(b)
	if err != nil {
		return nil, err
	}
	if e.Body().Realm != l.host.Realm() {
		return nil, ErrOtherHost
	}
	devices := e.Body().Devices
	a := &Account{
		Name: e.User(), Sign: e.Body().Account.Sign, leaf: leaf,
		Devices: make(map[wire.KeyId]wire.VerifyKey, len(devices)),
	}
	for i := range devices {
		a.Devices[keys.DeviceId(&devices[i].Keys)] = devices[i].Keys.Sign
		a.shown = append(a.shown, directory.DeviceHashes(&devices[i].Keys)...)
	}
	return a, nil
}

// retire takes note of the keys of devices that the account had before and has no more.
func (a *Account) retire(before *Account) {
	if before == nil {
		return
	}
	a.retired = before.retired
	for _, h := range before.shown {
		if !slices.Contains(a.shown, h) {
			a.retired = append(slices.Clip(a.retired), h)
		}
	}
}

// revives reports whether one of the keys that an entry brings was retired.
func (a *Account) revives(brought []wire.Hash) bool {
	return slices.ContainsFunc(brought, func(h wire.Hash) bool { return slices.Contains(a.retired, h) })
}

// fill adds what the store says of the users: of all at once for the first head,
// and later of those few that have changed.
func (l *Ledger) fill(ctx context.Context, changed map[string]*Account) error {
	if !l.signed {
		for u, err := range l.engine.Users(ctx) {
			if err != nil {
				return err
			}
			if a := changed[keys.Fold(u.Name)]; a != nil {
				if err := a.fill(&u); err != nil {
					return err
				}
			}
		}
	}
	for name, a := range changed {
		if a.Record != nil {
			continue
		}
		u, err := l.engine.User(ctx, name)
		if err != nil {
			return fmt.Errorf("user %s: %w", name, err)
		}
		if err := a.fill(&u); err != nil {
			return err
		}
	}
	return nil
}

func (a *Account) fill(u *store.User) error {
	a.Record = new(wire.AccountRecord)
	if err := a.Record.UnmarshalBinary(u.Record); err != nil {
		return fmt.Errorf("record of user %s: %w", u.Name, err)
	}
	a.Name, a.Mailbox, a.rev = u.Name, u.Mailbox, u.Rev
	return nil
}

// Last returns the last entry of an account.
func (l *Ledger) Last(ctx context.Context, name string) (*directory.Entry, error) {
	a := l.Account(name)
	if a == nil {
		return nil, fmt.Errorf("last entry of %s: %w", name, store.ErrNotFound)
	}
	return l.entry(ctx, a.leaf)
}

// entry reads one leaf.
func (l *Ledger) entry(ctx context.Context, leaf uint64) (*directory.Entry, error) {
	leaves, err := l.engine.Leaves(ctx, leaf, 1)
	if err != nil {
		return nil, err
	}
	if len(leaves) == 0 {
		return nil, fmt.Errorf("leaf %d is not there", leaf)
	}
	return directory.Stored(leaves[0])
}

// Proof returns the newest head and the proof that its tree begins with that of
// so many leaves. To whom claims to know more leaves than there are, nothing is
// proved: he sees by the head that one of the two has lost something.
func (l *Ledger) Proof(ctx context.Context, size uint64) (head wire.TreeHead, proof wire.TreeProof, err error) {
	head = l.Head()
	proof, err = l.prove(ctx, size, &head)
	return head, proof, err
}

func (l *Ledger) prove(ctx context.Context, size uint64, head *wire.TreeHead) (proof wire.TreeProof, err error) {
	if size > head.Leaves {
		return proof, nil
	}
	return directory.ProveTree(size, head.Leaves, l.engine.Hashes(ctx))
}

// Leaves returns leaves from a number on, as many as fit, with the newest head
// and the proof that the tree up to the last of them is the beginning of its.
func (l *Ledger) Leaves(ctx context.Context, from uint64) (*wire.LeavesReply, error) {
	reply := &wire.LeavesReply{Head: l.Head()}
	var leaves [][]byte
	if from < reply.Head.Leaves {
		var err error
		if leaves, err = l.engine.Leaves(ctx, from, readBytes); err != nil {
			return nil, err
		}
		leaves = leaves[:min(uint64(len(leaves)), reply.Head.Leaves-from)] // no more than the head has
	}
	for _, b := range leaves {
		reply.Leaves = append(reply.Leaves, wire.Leaf{Entry: b})
	}
	var err error
	reply.Proof, err = l.prove(ctx, from+uint64(len(leaves)), &reply.Head)
	return reply, err
}
