package ledger

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/node/store"
	"sotto/wire"
)

var now = time.UnixMilli(1_790_000_000_000)

// A world is a log with its store.
type world struct {
	t      testing.TB
	dir    string
	host   *keys.Host
	store  *store.Store
	wrap   func(store.Engine) store.Engine // what stands before the store, may be nil
	book   *Ledger
	grown  []wire.TreeHead
	people map[string]*person
}

// A person makes the entries of one account.
type person struct {
	account *keys.Account
	last    *directory.Entry
}

func newWorld(t testing.TB) *world {
	t.Helper()
	host, err := keys.NewHost(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: t.TempDir() + "/state", host: host, people: make(map[string]*person)}
	w.open()
	t.Cleanup(func() { w.store.Close() })
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.store, err = store.Open(w.dir); err != nil {
		w.t.Fatal(err)
	}
	var engine store.Engine = w.store
	if w.wrap != nil {
		engine = w.wrap(engine)
	}
	w.book, err = Open(w.t.Context(), engine, w.host, func(head *wire.TreeHead, _ []*Account) {
		w.grown = append(w.grown, *head)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func newKeys(t testing.TB) *keys.Account {
	t.Helper()
	account, err := keys.NewAccount(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return account
}

// device draws the public keys of a device.
func device(t testing.TB, name string) wire.Device {
	t.Helper()
	public := newKeys(t).Public() // two key pairs, as a device has
	return wire.Device{Keys: wire.DeviceKeys{Sign: public.Sign, Seal: public.Seal}, Name: name}
}

// create returns the change that makes an account with so many devices.
func (w *world) create(name string, devices int) Change {
	w.t.Helper()
	p := &person{account: newKeys(w.t)}
	var list []wire.Device
	for i := range devices {
		list = append(list, device(w.t, fmt.Sprint("device ", i)))
	}
	var err error
	if p.last, err = directory.Create(w.host.Realm(), name, p.account, list, now); err != nil {
		w.t.Fatal(err)
	}
	w.people[keys.Fold(name)] = p
	return Change{Entry: p.last.Bytes(), Record: &wire.AccountRecord{Name: name, SinceMs: 1}}
}

// next returns the next entry of an account, which has one more device.
func (w *world) next(name string) Change {
	w.t.Helper()
	p := w.people[keys.Fold(name)]
	e, err := p.last.AddDevice(p.account.Signer, device(w.t, "another"), now)
	if err != nil {
		w.t.Fatal(err)
	}
	return Change{Entry: e.Bytes()}
}

// changed returns the next entry of an account as somebody changed it before he
// signed it.
func (w *world) changed(name string, signer *keys.Signer, how func(*wire.Entry)) Change {
	w.t.Helper()
	e, err := directory.Stored(w.next(name).Entry)
	if err != nil {
		w.t.Fatal(err)
	}
	signed := *e.Signed()
	signed.Body.Devices = slices.Clone(signed.Body.Devices)
	how(&signed.Body)
	body, err := signed.Body.MarshalBinary()
	if err != nil {
		w.t.Fatal(err)
	}
	signed.SigNew = signer.Sign("entry", body)
	b, err := signed.MarshalBinary()
	if err != nil {
		w.t.Fatal(err)
	}
	return Change{Entry: b}
}

// enter wants a change to be entered.
func (w *world) enter(c Change) wire.TreeHead {
	w.t.Helper()
	head, err := w.book.Enter(w.t.Context(), now, c)
	if err != nil {
		w.t.Fatal(err)
	}
	e, err := directory.Stored(c.Entry)
	if err != nil {
		w.t.Fatal(err)
	}
	w.people[keys.Fold(e.User())].last = e
	return head
}

func TestEnter(t *testing.T) {
	w := newWorld(t)
	if head := w.book.Head(); head.Leaves != 0 || head.Sig == (wire.EdSignature{}) {
		t.Errorf("the head of an empty log: size %d, or not signed", head.Leaves)
	}
	first := w.create("Alice", 1)
	head := w.enter(first)
	if head.Leaves != 1 || head != w.book.Head() || w.grown[len(w.grown)-1] != head {
		t.Errorf("head %v, want one of size 1 that everybody was told", head)
	}
	a := w.book.Account("ALICE")
	if a == nil || a.Name != "Alice" || len(a.Devices) != 1 || a.Sign != w.people["alice"].account.Signer.Public() {
		t.Fatalf("account %+v", a)
	}
	told := len(w.grown)
	if again := w.enter(first); again != head || len(w.grown) != told {
		t.Errorf("the same again: head %v, want %v and nobody told", again, head)
	}

	head = w.enter(w.next("Alice"))
	if head.Leaves != 2 || len(w.book.Account("alice").Devices) != 2 || len(a.Devices) != 1 {
		t.Errorf("after a second device: head %v, devices %d, in the snapshot %d",
			head, len(w.book.Account("alice").Devices), len(a.Devices))
	}
	if got := w.book.Account("alice").Record; got.Name != "Alice" || got.SinceMs != 1 {
		t.Errorf("the record became %+v", got)
	}

	w.store.Close()
	w.open()
	if got := w.book.Head(); got != head {
		t.Errorf("after a restart the head is %v, want %v", got, head)
	}
	w.enter(w.next("Alice"))
}

// Attack 55: "DirEntry: prev broken, n repeated, sig_old missing without why =
// reset, device listed twice, > 16 → reject": none gets into the log.
func TestAttack55EntriesOutOfOrder(t *testing.T) {
	w := newWorld(t)
	w.enter(w.create("Alice", 1))
	w.enter(w.create("Bob", 1))
	head := w.enter(w.next("Alice"))
	alice, bob := w.people["alice"], w.people["bob"]
	other := newKeys(t)
	unsigned, err := alice.last.Rotate(alice.account.Signer, other, now)
	if err != nil {
		t.Fatal(err)
	}
	signed := *unsigned.Signed()
	signed.SigOld = wire.EdSignature{}
	rotated, err := signed.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	own := alice.account.Signer
	tests := map[string]Change{
		"n repeated":              w.changed("Alice", own, func(e *wire.Entry) { e.N-- }),
		"n left out":              w.changed("Alice", own, func(e *wire.Entry) { e.N++ }),
		"prev broken":             w.changed("Alice", own, func(e *wire.Entry) { e.Prev[0] ^= 1 }),
		"another realm":           w.changed("Alice", own, func(e *wire.Entry) { e.Realm[0] ^= 1 }),
		"a device twice":          w.changed("Alice", own, func(e *wire.Entry) { e.Devices[0] = e.Devices[1] }),
		"other letters":           w.changed("Alice", own, func(e *wire.Entry) { e.User = "ALICE" }),
		"an earlier time":         w.changed("Alice", own, func(e *wire.Entry) { e.TimeMs-- }),
		"a time to come":          w.changed("Alice", own, func(e *wire.Entry) { e.TimeMs += 1 << 30 }),
		"a new key unexplained":   w.changed("Alice", other.Signer, func(e *wire.Entry) { e.Account = other.Public() }),
		"rotated without sig_old": {Entry: rotated},
		"signed by somebody else": w.changed("Alice", bob.account.Signer, func(*wire.Entry) {}),
		"no record of a password": {Entry: w.create("Carol", 1).Entry},
		"17 devices":              {Entry: tooMany(t, w.create("Dave", 16).Entry)},
		"no entry":                {Entry: []byte("an entry")},
	}
	for name, c := range tests {
		if _, err := w.book.Enter(t.Context(), now, c); !errors.Is(err, ErrConflict) {
			t.Errorf("%s: error %v, want %v", name, err, ErrConflict)
		}
	}
	taken := w.create("aLICE", 1)
	if _, err := w.book.Enter(t.Context(), now, taken); !errors.Is(err, ErrTaken) {
		t.Errorf("a second account of the name: error %v, want %v", err, ErrTaken)
	}
	if got := w.book.Head(); got != head {
		t.Errorf("the log has grown to %v, want %v as before", got, head)
	}
}

// tooMany makes the count of an entry's devices 17, and adds one.
func tooMany(t *testing.T, entry []byte) []byte {
	t.Helper()
	one, err := directory.Stored(entry)
	if err != nil {
		t.Fatal(err)
	}
	first, err := one.Body().Devices[0].MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(entry, first) // the count stands before it
	more := slices.Insert(slices.Clone(entry), at, first...)
	more[at-1]++
	return more
}

// Permission is asked for only when all else is well, and without it nothing is
// entered.
func TestPermit(t *testing.T) {
	w := newWorld(t)
	asked := 0
	no := errors.New("no")
	refuse := func() error { asked++; return no }
	c := w.create("Alice", 1)
	c.Permit = refuse
	if _, err := w.book.Enter(t.Context(), now, c); !errors.Is(err, no) || asked != 1 || w.book.Head().Leaves != 0 {
		t.Errorf("error %v after %d questions, size %d", err, asked, w.book.Head().Leaves)
	}
	c.Permit = nil
	w.enter(c)
	c = w.changed("Alice", w.people["alice"].account.Signer, func(e *wire.Entry) { e.N++ })
	c.Permit = refuse
	if _, err := w.book.Enter(t.Context(), now, c); !errors.Is(err, ErrConflict) || asked != 1 {
		t.Errorf("error %v after %d questions, want a conflict and no question", err, asked)
	}
}

// A forgetful engine does what it is asked and says that it doesn't know.
type forgetful struct {
	store.Engine
	on bool
}

func (f *forgetful) Do(ctx context.Context, op store.Op) (store.Result, error) {
	res, err := f.Engine.Do(ctx, op)
	if f.on && err == nil {
		return store.Result{}, store.ErrUnavailable
	}
	return res, err
}

// What the store entered without knowing is found at the next change, told to
// everybody, and not entered twice.
func TestOutcomeUnknown(t *testing.T) {
	w := newWorld(t)
	w.store.Close()
	f := &forgetful{}
	w.wrap = func(e store.Engine) store.Engine { f.Engine = e; return f }
	w.open()
	f.on = true
	c := w.create("Alice", 1)
	if _, err := w.book.Enter(t.Context(), now, c); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("error %v, want %v", err, store.ErrUnavailable)
	}
	f.on = false
	told := len(w.grown)
	if head := w.enter(c); head.Leaves != 1 || len(w.grown) != told+1 {
		t.Errorf("head %v after %d growths, want size 1 after one", head, len(w.grown)-told)
	}
	w.enter(w.create("Bob", 0))
	if a := w.book.Account("bob"); a == nil || len(a.Devices) != 0 {
		t.Errorf("account %+v, want one without devices", a)
	}
}

// A server whose key was rotated signs the same log with the new key, and goes on.
func TestRotatedKey(t *testing.T) {
	w := newWorld(t)
	before := w.enter(w.create("Alice", 1))
	w.store.Close()
	if err := w.host.Rotate(rand.Reader, now); err != nil {
		t.Fatal(err)
	}
	w.open()
	key, after := w.host.Key(), w.book.Head()
	if after.Leaves != before.Leaves || after.Root != before.Root || after.Sig == before.Sig {
		t.Errorf("the head of %d leaves became one of %d, or is not signed anew", before.Leaves, after.Leaves)
	}
	for _, head := range []wire.TreeHead{after, w.enter(w.next("Alice"))} {
		if err := directory.VerifyHead(&key, &head); err != nil {
			t.Errorf("head of %d leaves: %v", head.Leaves, err)
		}
	}
}

// Between any two sizes that the log has had there is a proof, as there is from the
// last of any leaves that are given.
func TestProofs(t *testing.T) {
	w := newWorld(t)
	heads := []wire.TreeHead{w.book.Head()}
	for i := range 9 {
		heads = append(heads, w.enter(w.create(fmt.Sprint("user", i), 1)))
	}
	last := heads[len(heads)-1]
	for size, head := range heads {
		got, proof, err := w.book.Proof(t.Context(), uint64(size))
		if err != nil || got != last {
			t.Fatalf("from %d: head %v, error %v", size, got, err)
		}
		checkProof(t, &head, &last, &proof)
		reply, err := w.book.Leaves(t.Context(), uint64(size))
		if err != nil || len(reply.Leaves) != 9-size {
			t.Fatalf("leaves from %d: %d, error %v", size, len(reply.Leaves), err)
		}
		checkProof(t, &last, &reply.Head, &reply.Proof)
	}
	for _, size := range []uint64{10, 1 << 63, 1<<64 - 1} {
		if got, proof, err := w.book.Proof(t.Context(), size); err != nil || got != last || len(proof.Hashes) != 0 {
			t.Errorf("from %d: head %v, proof %v, error %v, want the head alone", size, got, proof, err)
		}
		if reply, err := w.book.Leaves(t.Context(), size); err != nil || reply.Head != last || len(reply.Leaves) != 0 {
			t.Errorf("leaves from %d: %d, error %v, want none", size, len(reply.Leaves), err)
		}
	}
}

func checkProof(t *testing.T, old, head *wire.TreeHead, proof *wire.TreeProof) {
	t.Helper()
	if old.Leaves == 0 || old.Leaves == head.Leaves {
		if len(proof.Hashes) > 0 || (old.Leaves == head.Leaves && old.Root != head.Root) {
			t.Errorf("from %d to %d: proof %v, want none", old.Leaves, head.Leaves, proof)
		}
		return
	}
	var p tlog.TreeProof
	for _, h := range proof.Hashes {
		p = append(p, tlog.Hash(h))
	}
	if err := tlog.CheckTree(p, int64(head.Leaves), tlog.Hash(head.Root), int64(old.Leaves), tlog.Hash(old.Root)); err != nil {
		t.Errorf("from %d to %d: %v", old.Leaves, head.Leaves, err)
	}
}

// A long log comes in parts, each with its proof.
func TestLeavesInParts(t *testing.T) {
	w := newWorld(t)
	heads := []wire.TreeHead{w.book.Head()}
	for i := range 20 {
		heads = append(heads, w.enter(w.create(fmt.Sprint("user", i), 16))) // of some 22 kB
	}
	parts := 0
	for from := uint64(0); from < 20; parts++ {
		reply, err := w.book.Leaves(t.Context(), from)
		if err != nil || len(reply.Leaves) == 0 {
			t.Fatalf("from %d: %d leaves, error %v", from, len(reply.Leaves), err)
		}
		from += uint64(len(reply.Leaves))
		checkProof(t, &heads[from], &reply.Head, &reply.Proof)
	}
	if parts < 2 {
		t.Errorf("%d part", parts)
	}
}

// Many people change their accounts at the same time, and others look.
func TestTogether(t *testing.T) {
	w := newWorld(t)
	var changes []Change
	for i := range 8 {
		changes = append(changes, w.create(fmt.Sprint("user", i), 1))
	}
	var wg sync.WaitGroup
	for i, c := range changes {
		wg.Go(func() {
			if _, err := w.book.Enter(t.Context(), now, c); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			w.book.Account(fmt.Sprint("user", i))
			if _, _, err := w.book.Proof(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := w.book.Head().Leaves; got != 8 {
		t.Errorf("the log has %d leaves, want 8", got)
	}
}
