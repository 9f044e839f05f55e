package profile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sotto/wire"
)

// grown is an update from one number of leaves to the next; to each leaf belong two
// hashes here. A change reads "Alice=key", or "Alice=key<was" if was vouches for key.
func grown(from uint64, head string, changes ...string) LogUpdate {
	u := LogUpdate{From: from, Log: Log{Leaves: from + uint64(len(changes)), Head: []byte(head)}}
	for i, text := range changes {
		n := from + uint64(i)
		u.Hashes = append(u.Hashes, wire.Hash{byte(n), 1}, wire.Hash{byte(n), 2})
		name, key, _ := strings.Cut(text, "=")
		key, was, vouched := strings.Cut(key, "<")
		c := LogChange{User: name, Entry: fmt.Append(nil, "entry ", n), Key: []byte(key)}
		if vouched {
			c.Was = []byte(was)
		}
		u.Changes = append(u.Changes, c)
	}
	return u
}

func grow(t *testing.T, p *Profile, u LogUpdate, want ...string) {
	t.Helper()
	changed, err := p.GrowLog(ctx, u)
	check(t, err)
	if fmt.Sprint(changed) != fmt.Sprint(want) {
		t.Errorf("changed with %s: got %q, want %q", u.Head, changed, want)
	}
}

func peerIs(t *testing.T, p *Profile, name, key, changed string, verified bool) {
	t.Helper()
	peer, err := p.Peer(ctx, name)
	check(t, err)
	if string(peer.Key) != key || string(peer.Changed) != changed || (peer.Changed != nil) != (changed != "") || peer.Verified != verified {
		t.Errorf("%s has key %q, changed %q, verified %v; want %q, %q, %v", name, peer.Key, peer.Changed, peer.Verified, key, changed, verified)
	}
}

func TestLogGrows(t *testing.T) {
	p := newProfile(t)
	if l, err := p.Log(ctx); err != nil || !reflect.DeepEqual(l, Log{}) {
		t.Errorf("at first: %+v, %v", l, err)
	}
	if entry, err := p.Entry(ctx, "Alice"); entry != nil || err != nil {
		t.Errorf("an entry of nobody: %q, %v", entry, err)
	}

	// A head is known before its leaves are.
	first := LogUpdate{Log: Log{Head: []byte("head of 3")}}
	grow(t, p, first)
	two := grown(0, "head of 3", "Alice=a", "Bob=b")
	two.Waiting = [][]byte{[]byte("head of 5"), []byte("head of 4")}
	grow(t, p, two)
	grow(t, p, two) // kept already
	if l, err := p.Log(ctx); err != nil || !reflect.DeepEqual(l, two.Log) {
		t.Errorf("got %+v, %v; want %+v", l, err, two.Log)
	}
	grow(t, p, grown(2, "head of 3", "alice=a"))
	if l, err := p.Log(ctx); err != nil || l.Leaves != 3 || l.Waiting != nil {
		t.Errorf("after the third: %+v, %v", l, err)
	}

	for name, u := range map[string]LogUpdate{
		"from before":         grown(1, "other", "Eve=e"),
		"from beyond":         grown(4, "other", "Eve=e"),
		"another of the same": grown(2, "other", "Eve=e"),
	} {
		if _, err := p.GrowLog(ctx, u); !errors.Is(err, ErrConflict) {
			t.Errorf("%s: error = %v, want ErrConflict", name, err)
		}
	}
	if entry, err := p.Entry(ctx, "Eve"); entry != nil || err != nil {
		t.Errorf("a refused update left %q, %v", entry, err)
	}

	if entry, err := p.Entry(ctx, "ALICE"); string(entry) != "entry 2" || err != nil {
		t.Errorf("Alice's entry is %q, %v", entry, err)
	}
	all, err := p.Entries(ctx)
	if got := fmt.Sprintf("%s", all); got != "[entry 2 entry 1]" || err != nil {
		t.Errorf("all entries: %s, %v", got, err)
	}
	hashes, err := p.Hashes(ctx, []int64{5, 0, 3, 0})
	if want := []wire.Hash{{2, 2}, {0, 1}, {1, 2}, {0, 1}}; err != nil || !reflect.DeepEqual(hashes, want) {
		t.Errorf("hashes are %x, %v; want %x", hashes, err, want)
	}
	if _, err := p.Hashes(ctx, []int64{0, 6}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a hash that isn't there: error = %v", err)
	}
}

// 57. "reset entry for a peer → contacts warned, sends held". A key that the former one
// vouches for moves the pin, another one doesn't, not even by way of the first.
func TestAttack57Pins(t *testing.T) {
	p := newProfile(t)
	grow(t, p, grown(0, "1", "Alice=a1", "Bob=b1", "Carol=c1"))
	check(t, p.SetVerified(ctx, "Alice", []byte("a1")))
	grow(t, p, grown(3, "2", "Alice=a1")) // a device more
	peerIs(t, p, "Alice", "a1", "", true)

	grow(t, p, grown(4, "3", "Alice=a2<a1"))
	peerIs(t, p, "Alice", "a2", "", false)
	grow(t, p, grown(5, "4", "Bob=b2"), "Bob")
	peerIs(t, p, "Bob", "b1", "b2", false)
	grow(t, p, grown(6, "5", "Bob=b3<b2"), "Bob") // what vouches for it was never accepted
	peerIs(t, p, "Bob", "b1", "b3", false)
	if err := p.AcceptPeer(ctx, "Bob", []byte("b2")); !errors.Is(err, ErrConflict) {
		t.Errorf("accepting what isn't any more: error = %v", err)
	}
	grow(t, p, grown(7, "6", "Bob=b3")) // a device more: said already
	check(t, p.AcceptPeer(ctx, "Bob", []byte("b3")))
	grow(t, p, grown(8, "7", "Bob=b4<b3"))
	peerIs(t, p, "Bob", "b4", "", false)

	// All in one update, in the order of the log.
	grow(t, p, grown(9, "8", "Carol=c2<c1", "Carol=c3<c2", "Carol=c4", "Dave=d1", "Dave=d2<d1"), "Carol")
	peerIs(t, p, "Carol", "c3", "c4", false)
	peerIs(t, p, "Dave", "d2", "", false)
	grow(t, p, grown(14, "9", "Carol=c3<c4")) // back to the pinned one
	peerIs(t, p, "Carol", "c3", "", false)
}

func TestServerHistory(t *testing.T) {
	p := newProfile(t)
	if err := p.FollowServerKey(ctx, nil, []byte("k2"), []byte("h")); !errors.Is(err, ErrNotFound) {
		t.Errorf("before the first key: error = %v", err)
	}
	check(t, p.PinServerKey(ctx, []byte("k1")))
	if _, err := p.ServerHistory(ctx); !errors.Is(err, ErrNotFound) {
		t.Errorf("the history of one key: error = %v", err)
	}
	grow(t, p, grown(0, "1", "Alice=a"))
	if err := p.FollowServerKey(ctx, []byte("k0"), []byte("k2"), []byte("h")); !errors.Is(err, ErrConflict) {
		t.Errorf("from another key: error = %v", err)
	}
	check(t, p.FollowServerKey(ctx, []byte("k1"), []byte("k2"), []byte("k1 k2")))
	check(t, p.FollowServerKey(ctx, []byte("k2"), []byte("k3"), []byte("k1 k2 k3")))
	if h, err := p.ServerHistory(ctx); string(h) != "k1 k2 k3" || err != nil {
		t.Errorf("history %q, %v", h, err)
	}
	if l, err := p.Log(ctx); l.Leaves != 1 || err != nil {
		t.Errorf("the log after a rotation: %+v, %v", l, err)
	}

	// Another server under this address is another log.
	check(t, p.KeepEvidence(ctx, now, []byte("it lied")))
	check(t, p.ReplaceServerKey(ctx, []byte("k3"), []byte("x")))
	if l, err := p.Log(ctx); err != nil || !reflect.DeepEqual(l, Log{}) {
		t.Errorf("the log of the old server: %+v, %v", l, err)
	}
	if _, err := p.ServerHistory(ctx); !errors.Is(err, ErrNotFound) {
		t.Errorf("the history of the old server: error = %v", err)
	}
	if _, err := p.Hashes(ctx, []int64{0}); !errors.Is(err, ErrNotFound) {
		t.Errorf("hashes of the old server: error = %v", err)
	}
	peerIs(t, p, "Alice", "a", "", false)
	grow(t, p, grown(0, "1", "Alice=z"), "Alice")
	if all, err := p.Evidence(ctx); len(all) != 1 || err != nil {
		t.Errorf("evidence: %v, %v", all, err)
	}
}

func TestEvidence(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "profile")
	p := openProfile(t, dir)
	check(t, p.KeepEvidence(ctx, now, []byte("one")))
	check(t, p.KeepEvidence(ctx, now+1, []byte("two")))
	check(t, p.KeepEvidence(ctx, now+2, []byte("one")))
	check(t, p.Close())
	all, err := openProfile(t, dir).Evidence(ctx)
	if want := []Evidence{{now, []byte("one")}, {now + 1, []byte("two")}}; err != nil || !reflect.DeepEqual(all, want) {
		t.Errorf("kept %v, %v; want %v", all, err, want)
	}
}

// 66. A crash at any write leaves the log, its hashes, its entries and the pinned keys as
// they were before an update or after it.
func TestAttack66CrashWithinLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "profile")
	p := openProfile(t, dir)
	grow(t, p, grown(0, "0"))
	updates := []LogUpdate{
		grown(0, "2", "Alice=a1", "Bob=b1"),
		grown(2, "4", "Alice=a2<a1", "Bob=b2"),
		grown(4, "7", "Carol=c1", "Alice=a3", "Bob=b2"),
	}
	for i := range updates {
		updates[i].Waiting = [][]byte{fmt.Append(nil, "beyond ", i)}
		_, err := p.GrowLog(ctx, updates[i])
		check(t, err)
	}
	db, err := os.ReadFile(filepath.Join(dir, "profile.db"))
	check(t, err)
	journal, err := os.ReadFile(filepath.Join(dir, "profile.db-wal"))
	check(t, err)
	check(t, p.Close())

	// What stands there after so many leaves: entries, and the keys of Alice and Bob.
	want := map[uint64]string{
		0: "[] [] []",
		2: "[entry 0 entry 1] [a1 ] [b1 ]",
		4: "[entry 2 entry 3] [a2 ] [b1 b2]",
		7: "[entry 5 entry 6 entry 4] [a2 a3] [b1 b2]",
	}
	seen := map[uint64]bool{}
	const frame = 4096 + 24
	for cut := 32; cut <= len(journal); cut += frame {
		for _, end := range []int{cut, min(cut+1000, len(journal))} {
			dir := filepath.Join(t.TempDir(), "cut")
			check(t, os.Mkdir(dir, 0o700))
			check(t, os.WriteFile(filepath.Join(dir, "profile.db"), db, 0o600))
			check(t, os.WriteFile(filepath.Join(dir, "profile.db-wal"), journal[:end], 0o600))
			p := openProfile(t, dir)
			l, err := p.Log(ctx)
			check(t, err)
			seen[l.Leaves] = true
			entries, err := p.Entries(ctx)
			check(t, err)
			got := fmt.Sprintf("%s", entries)
			for _, name := range []string{"Alice", "Bob"} {
				switch peer, err := p.Peer(ctx, name); {
				case errors.Is(err, ErrNotFound):
					got += " []"
				case err != nil:
					t.Fatal(err)
				default:
					got += fmt.Sprintf(" [%s %s]", peer.Key, peer.Changed)
				}
			}
			if got != want[l.Leaves] {
				t.Errorf("journal cut at %d: %d leaves with %s, want %s", end, l.Leaves, got, want[l.Leaves])
			}
			for n := range int64(15) {
				_, err := p.Hashes(ctx, []int64{n})
				if is := err == nil; is != (n < int64(2*l.Leaves)) {
					t.Errorf("journal cut at %d: %d leaves, hash %d: %v", end, l.Leaves, n, err)
				}
			}
			for _, u := range updates { // the rest can be taken from there
				if u.From >= l.Leaves {
					_, err := p.GrowLog(ctx, u)
					check(t, err)
				}
			}
			check(t, p.Close())
		}
	}
	if len(seen) != len(want) {
		t.Errorf("saw the log with %v leaves, want each of %d", seen, len(want))
	}
}
