package profile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"sotto/node/store/disk"
)

// TestMain also plays the client that the crash test kills, and fails if a
// goroutine is left behind.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PROFILE_TEST_CRASH"); dir != "" {
		crashChild(dir)
	}
	before := runtime.NumGoroutine()
	code := m.Run()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			os.Exit(code)
		}
		time.Sleep(10 * time.Millisecond) // they are on their way out
	}
	var stacks bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&stacks, 1)
	fmt.Printf("goroutines left behind:\n%s", &stacks)
	os.Exit(max(code, 1))
}

var ctx = context.Background()

const now = 1_800_000_000_000

func openProfile(t testing.TB, dir string) *Profile {
	t.Helper()
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func newProfile(t testing.TB) *Profile {
	return openProfile(t, filepath.Join(t.TempDir(), "profile"))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDir(t *testing.T) {
	for _, tt := range []struct{ user, server, want string }{
		{"Bob", "127.0.0.1:5000", "root/127.0.0.1:5000/bob"},
		{"bob", "[::1]:5000", "root/[::1]:5000/bob"},
		{"..", "Chat.Example.org:1", "root/chat.example.org:1/%2e."},
		{".", "a/../../b", "root/a%2f..%2f..%2fb/%2e"},
		{"a_b-c.d", "%2f", "root/%252f/a_b-c.d"},
	} {
		if got := Dir("root", tt.user, tt.server); got != tt.want {
			t.Errorf("Dir(%q, %q) = %q, want %q", tt.user, tt.server, got, tt.want)
		}
	}
}

// "Profile "work" is locked by process 4242."
func TestOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "work")
	p := openProfile(t, dir)
	_, err := Open(dir)
	locked, ok := errors.AsType[*disk.LockedError](err)
	if !ok || locked.PID != os.Getpid() || !strings.Contains(err.Error(), fmt.Sprintf("%s is locked by process %d", dir, os.Getpid())) {
		t.Errorf("a second time: got %v", err)
	}
	check(t, p.Close())
	check(t, p.Close())
	if _, err := p.ServerKey(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: got %v", err)
	}
	if err := p.PinServerKey(ctx, []byte("key")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: got %v", err)
	}
	openProfile(t, dir)
}

func TestServerKey(t *testing.T) {
	p := newProfile(t)
	if _, err := p.ServerKey(ctx); !errors.Is(err, ErrNotFound) {
		t.Errorf("before the first: got %v", err)
	}
	if err := p.ReplaceServerKey(ctx, nil, []byte("new")); !errors.Is(err, ErrNotFound) {
		t.Errorf("replacing none: got %v", err)
	}
	check(t, p.PinServerKey(ctx, []byte("key")))
	check(t, p.PinServerKey(ctx, []byte("key")))
	if err := p.PinServerKey(ctx, []byte("other")); !errors.Is(err, ErrConflict) {
		t.Errorf("another one: got %v, want ErrConflict", err)
	}
	_, err := p.SetManifest(ctx, Manifest{Version: 7}, []PeerKey{{"Alice", []byte("a")}})
	check(t, err)
	if err := p.ReplaceServerKey(ctx, []byte("guess"), []byte("new")); !errors.Is(err, ErrConflict) {
		t.Errorf("replacing what is not pinned: got %v, want ErrConflict", err)
	}
	check(t, p.ReplaceServerKey(ctx, []byte("key"), []byte("new")))
	if key, err := p.ServerKey(ctx); string(key) != "new" || err != nil {
		t.Errorf("got %q, %v", key, err)
	}
	if _, err := p.Manifest(ctx); !errors.Is(err, ErrNotFound) {
		t.Errorf("the manifest of the old key: got %v", err)
	}
	if peer, err := p.Peer(ctx, "Alice"); string(peer.Key) != "a" || err != nil {
		t.Errorf("the keys of peers must stay: got %+v, %v", peer, err)
	}
}

// "Clients store (version, hash) per server and refuse rollback [and] forks.
// A changed key of a known peer stops sending until it is accepted."
func TestManifestAndPeers(t *testing.T) {
	p := newProfile(t)
	set := func(version uint64, hash string, keys ...string) (changed []string, err error) {
		m := Manifest{Version: version, Body: []byte(hash)}
		copy(m.Hash[:], hash)
		var peers []PeerKey
		for _, k := range keys {
			name, key, _ := strings.Cut(k, "=")
			peers = append(peers, PeerKey{name, []byte(key)})
		}
		return p.SetManifest(ctx, m, peers)
	}
	expect := func(step, want string) func(changed []string, err error) {
		return func(changed []string, err error) {
			t.Helper()
			if got := fmt.Sprint(changed, " ", errors.Is(err, ErrRollback), errors.Is(err, ErrFork)); got != want {
				t.Errorf("%s: got %s (%v), want %s", step, got, err, want)
			}
		}
	}
	expect("first", "[] false false")(set(5, "five", "Alice=a1", "Bob=b1"))
	expect("the same", "[] false false")(set(5, "five", "Alice=a1", "Bob=b1"))
	expect("fork", "[] false true")(set(5, "FIVE", "Alice=evil"))
	expect("rollback", "[] true false")(set(4, "four", "Alice=evil"))
	expect("next", "[alice] false false")(set(6, "six", "alice=a2", "Bob=b1", "Carol=c1"))
	expect("again", "[] false false")(set(6, "six", "Alice=a2"))
	if m, err := p.Manifest(ctx); m.Version != 6 || string(m.Body) != "six" || string(m.Hash[:3]) != "six" || err != nil {
		t.Errorf("got %+v, %v", m, err)
	}

	alice := func() string {
		t.Helper()
		peer, err := p.Peer(ctx, "ALICE")
		check(t, err)
		return fmt.Sprintf("%s %s %s", peer.Name, peer.Key, peer.Changed)
	}
	if got, want := alice(), "Alice a1 a2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := p.AcceptPeer(ctx, "Alice", []byte("a1")); !errors.Is(err, ErrConflict) {
		t.Errorf("accepting what was not shown: got %v", err)
	}
	if err := p.AcceptPeer(ctx, "Bob", nil); !errors.Is(err, ErrConflict) {
		t.Errorf("accepting for one that has not changed: got %v", err)
	}
	if err := p.AcceptPeer(ctx, "Nobody", nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("accepting for nobody: got %v", err)
	}
	expect("changes again", "[Alice] false false")(set(7, "seven", "Alice=a3"))
	if err := p.AcceptPeer(ctx, "Alice", []byte("a2")); !errors.Is(err, ErrConflict) {
		t.Errorf("accepting what is shown no more: got %v", err)
	}
	check(t, p.AcceptPeer(ctx, "Alice", []byte("a3")))
	if got, want := alice(), "Alice a3 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	expect("changes", "[Alice] false false")(set(8, "eight", "Alice=a4"))
	expect("changes back", "[] false false")(set(9, "nine", "Alice=a3"))
	if got, want := alice(), "Alice a3 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	peers, err := p.Peers(ctx)
	check(t, err)
	names := ""
	for _, peer := range peers {
		names += peer.Name + " "
	}
	if names != "Alice Bob Carol " {
		t.Errorf("got %s", names)
	}
	if _, err := p.Peer(ctx, "Nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// sealAs is a seal that gives the message an id and writes its number down.
func sealAs(id string) func(uint64) (Sealed, error) {
	return func(seq uint64) (s Sealed, err error) {
		copy(s.ID[:], id)
		s.Envelope, s.Draft = fmt.Appendf(nil, "%s:%d", id, seq), fmt.Appendf(nil, "draft of %s", id)
		return s, nil
	}
}

// A message that was not sent becomes a draft, once, whatever was told of it before; one
// that somebody else has does not.
func TestWithdraw(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "profile")
	p := openProfile(t, dir)
	queued, err := p.Send(ctx, "Alice", 1, sealAs("queued"))
	if err != nil {
		t.Fatal(err)
	}
	sent, err := p.Send(ctx, "Alice", 1, sealAs("sent"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.SetState(ctx, sent.ID, Sent, ""); err != nil {
		t.Fatal(err)
	}
	p.Close()
	p = openProfile(t, dir)
	for range 2 {
		for _, id := range [][16]byte{queued.ID, sent.ID} {
			if err := p.Withdraw(ctx, id, "her key changed"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.Withdraw(ctx, [16]byte{1}, ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("a message that nobody knows: %v, want ErrNotFound", err)
	}
	drafts, err := p.Drafts(ctx, "alice")
	if err != nil || len(drafts) != 1 || string(drafts[0].Body) != "draft of queued" {
		t.Errorf("drafts %+v, %v; want that of the one message", drafts, err)
	}
	box, err := p.Outbox(ctx)
	if err != nil || len(box) != 2 || box[0].State != Failed || box[0].Why != "her key changed" || box[1].State != Sent {
		t.Errorf("outbox %+v, %v", box, err)
	}
}

func TestSend(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "profile")
	p := openProfile(t, dir)
	send := func(to, id string, want uint64) {
		t.Helper()
		out, err := p.Send(ctx, to, now, sealAs(id))
		if err != nil || out.Seq != want || out.State != Queued || out.To != to {
			t.Errorf("message %s to %s: got %+v, %v; want number %d", id, to, out, err, want)
		}
	}
	send("Alice", "1", now)
	send("alice", "2", now+1)
	send("Carol", "3", now)
	broken := errors.New("no key")
	if _, err := p.Send(ctx, "Alice", now, func(uint64) (Sealed, error) { return Sealed{}, broken }); err != broken {
		t.Errorf("got %v, want the error of seal", err)
	}
	if _, err := p.Send(ctx, "Alice", now, sealAs("1")); !errors.Is(err, ErrConflict) {
		t.Errorf("an id that is taken: got %v", err)
	}
	send("Alice", "4", now+2) // neither used up a number
	check(t, p.Close())

	p = openProfile(t, dir)
	send("Alice", "5", now+3)
	all, err := p.Outbox(ctx)
	check(t, err)
	got := ""
	for _, out := range all {
		env, err := p.Envelope(ctx, out.ID)
		check(t, err)
		got += fmt.Sprintf("%s %s; ", out.To, env)
	}
	want := fmt.Sprintf("Alice 1:%d; alice 2:%d; Carol 3:%d; Alice 4:%d; Alice 5:%d; ", now, now+1, now, now+2, now+3)
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Calls for one peer take turns: "seq grows by one".
func TestSendManyCallers(t *testing.T) {
	p := newProfile(t)
	var wg sync.WaitGroup
	for w := range 20 {
		wg.Go(func() {
			for n := range 10 {
				if _, err := p.Send(ctx, []string{"Alice", "Bob"}[w%2], 1, sealAs(fmt.Sprint(w, "-", n))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	all, err := p.Outbox(ctx)
	check(t, err)
	next := map[string]uint64{"Alice": 1, "Bob": 1}
	for _, out := range all {
		if out.Seq != next[out.To] {
			t.Fatalf("message %d to %s stands where %d should", out.Seq, out.To, next[out.To])
		}
		next[out.To]++
	}
	if next["Alice"] != 101 || next["Bob"] != 101 {
		t.Errorf("got %v", next)
	}

	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := p.Send(ended, "Alice", 1, sealAs("late")); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: got %v", err)
	}
	if out, err := p.Send(ctx, "Alice", 1, sealAs("late")); err != nil || out.Seq != 101 {
		t.Errorf("after it: got %+v, %v; want number 101", out, err)
	}
}

func TestStates(t *testing.T) {
	p := newProfile(t)
	for _, tt := range []struct {
		states string
		want   string // changed each time, and the end
	}{
		{"sent delivered", "true true delivered"},
		{"delivered sent failed", "true false false delivered"},
		{"failed sent", "true false failed"},
		{"failed delivered", "true true delivered"},
		{"sent sent queued", "true false false sent"},
	} {
		out, err := p.Send(ctx, "Alice", now, sealAs(tt.states))
		check(t, err)
		got := ""
		for word := range strings.FieldsSeq(tt.states) {
			s := map[string]State{"queued": Queued, "sent": Sent, "failed": Failed, "delivered": Delivered}[word]
			changed, err := p.SetState(ctx, out.ID, s, "why")
			check(t, err)
			got += fmt.Sprint(changed, " ")
		}
		all, err := p.Outbox(ctx)
		check(t, err)
		last := all[len(all)-1]
		if got += last.State.String(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.states, got, tt.want)
		}
		_, err = p.Envelope(ctx, out.ID)
		if finished := last.State >= Failed; finished != errors.Is(err, ErrNotFound) {
			t.Errorf("%s: the envelope: %v", tt.states, err)
		}
		check(t, p.Forget(ctx, out.ID))
		all, err = p.Outbox(ctx)
		check(t, err)
		if forgotten := len(all) == 0; forgotten != (last.State >= Failed) {
			t.Errorf("%s: forgotten: %v", tt.states, forgotten)
		}
	}
	if _, err := p.SetState(ctx, [16]byte{9}, Sent, ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown message: got %v", err)
	}
}

// takeAs appends to the window and gives a message of that id.
func takeAs(id string) func([]byte) ([]byte, *Incoming, error) {
	return func(window []byte) ([]byte, *Incoming, error) {
		in := &Incoming{Time: now, Body: []byte("sealed " + id)}
		copy(in.ID[:], id)
		return append(bytes.Clone(window), id...), in, nil
	}
}

func TestReceive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "profile")
	p := openProfile(t, dir)
	old, renewed, bob := Sender{"Alice", [32]byte{1}}, Sender{"Alice", [32]byte{2}}, Sender{"Bob", [32]byte{1}}
	check(t, p.Receive(ctx, old, takeAs("a")))
	check(t, p.Receive(ctx, Sender{"ALICE", [32]byte{1}}, takeAs("b")))
	check(t, p.Receive(ctx, renewed, takeAs("c")))
	check(t, p.Receive(ctx, bob, takeAs("d")))
	replay := errors.New("replay")
	if err := p.Receive(ctx, old, func([]byte) ([]byte, *Incoming, error) { return []byte("x"), nil, replay }); err != replay {
		t.Errorf("got %v, want the error of take", err)
	}
	check(t, p.Receive(ctx, old, func(w []byte) ([]byte, *Incoming, error) { return append(bytes.Clone(w), '+'), nil, nil }))
	check(t, p.Receive(ctx, old, func(w []byte) ([]byte, *Incoming, error) { return nil, nil, nil }))
	check(t, p.Close())

	p = openProfile(t, dir)
	for _, tt := range []struct {
		from Sender
		want string
	}{{old, "ab+"}, {renewed, "c"}, {bob, "d"}, {Sender{Name: "Eve"}, ""}} {
		check(t, p.Receive(ctx, tt.from, func(w []byte) ([]byte, *Incoming, error) {
			if string(w) != tt.want || (w == nil) != (tt.want == "") {
				t.Errorf("window of %v is %q, want %q", tt.from, w, tt.want)
			}
			return nil, nil, nil
		}))
	}
	all, err := p.Unshown(ctx, 0, 100)
	check(t, err)
	got := ""
	for _, in := range all {
		got += fmt.Sprintf("%s %s %s; ", in.From, bytes.TrimRight(in.ID[:], "\x00"), in.Body)
	}
	if want := "Alice a sealed a; ALICE b sealed b; Alice c sealed c; Bob d sealed d; "; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	page, err := p.Unshown(ctx, all[0].Pos, 2)
	check(t, err)
	if len(page) != 2 || page[0].Pos != all[1].Pos {
		t.Errorf("got %v, want the second and third", page)
	}
	check(t, p.Shown(ctx, all[0].Pos, all[2].Pos, all[0].Pos))
	left, err := p.Unshown(ctx, 0, 100)
	check(t, err)
	if len(left) != 2 || left[0].Pos != all[1].Pos || left[1].Pos != all[3].Pos {
		t.Errorf("got %v, want the second and fourth", left)
	}
}

// Messages of one sender that come at once are looked at one after another.
func TestReceiveTakesTurns(t *testing.T) {
	p := newProfile(t)
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if err := p.Receive(ctx, Sender{Name: "Alice"}, takeAs("x")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	check(t, p.Receive(ctx, Sender{Name: "Alice"}, func(w []byte) ([]byte, *Incoming, error) {
		if len(w) != 40 {
			t.Errorf("window %q, want 40 in it", w)
		}
		return nil, nil, nil
	}))
}

// A disk that is full for a large message is not full for a small one, and
// nothing is reported as done that is not.
func TestFullDisk(t *testing.T) {
	p := newProfile(t)
	_, err := p.Send(ctx, "Alice", 1, sealAs("first"))
	check(t, err)
	limit := func(pages int) {
		t.Helper()
		check(t, p.db.Write.Row(fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Scan(new(int)))
	}
	limit(1)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			_, err := p.Send(ctx, fmt.Sprint("Peer", i), 1, func(uint64) (Sealed, error) {
				return Sealed{ID: [16]byte{byte(i + 1)}, Envelope: make([]byte, 1<<20)}, nil
			})
			if !errors.Is(err, ErrUnavailable) || !disk.Full(err) {
				t.Errorf("got %v, want that the disk is full", err)
			}
		})
		wg.Go(func() {
			if err := p.Receive(ctx, Sender{Name: fmt.Sprint(i)}, takeAs("small")); err != nil {
				t.Errorf("a small one: %v", err)
			}
		})
	}
	wg.Wait()
	if all, err := p.Outbox(ctx); len(all) != 1 || err != nil {
		t.Errorf("outbox: %v, %v", all, err)
	}
	limit(1 << 30)
	// The number of the message that failed is not used for another.
	out, err := p.Send(ctx, "Peer0", 1, sealAs("again"))
	if err != nil || out.Seq != 2 {
		t.Errorf("got %+v, %v; want number 2", out, err)
	}
}

// A verified key is verified until another one takes its place.
func TestVerified(t *testing.T) {
	p := openProfile(t, filepath.Join(t.TempDir(), "profile"))
	set := func(version uint64, key string) {
		t.Helper()
		_, err := p.SetManifest(ctx, Manifest{Version: version}, []PeerKey{{"Alice", []byte(key)}})
		check(t, err)
	}
	verified := func() bool {
		t.Helper()
		peer, err := p.Peer(ctx, "Alice")
		check(t, err)
		return peer.Verified
	}
	set(1, "a1")
	if verified() {
		t.Error("verified without a comparison")
	}
	if err := p.SetVerified(ctx, "Alice", []byte("a2")); !errors.Is(err, ErrConflict) {
		t.Errorf("another key: got %v", err)
	}
	if err := p.SetVerified(ctx, "Nobody", nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: got %v", err)
	}
	check(t, p.SetVerified(ctx, "alice", []byte("a1")))
	if !verified() {
		t.Error("not verified after a comparison")
	}
	set(2, "a2")
	check(t, p.AcceptPeer(ctx, "Alice", []byte("a2")))
	if verified() {
		t.Error("the new key passes for verified")
	}
}

func TestDrafts(t *testing.T) {
	p := openProfile(t, filepath.Join(t.TempDir(), "profile"))
	for _, text := range []string{"one", "two"} {
		check(t, p.PutDraft(ctx, &Draft{To: "Alice", Body: []byte(text)}))
	}
	check(t, p.PutDraft(ctx, &Draft{To: "Bob", Body: []byte("three")}))
	drafts, err := p.Drafts(ctx, "alice")
	check(t, err)
	if len(drafts) != 2 || string(drafts[0].Body) != "one" || string(drafts[1].Body) != "two" {
		t.Fatalf("got %+v, want one and two", drafts)
	}
	check(t, p.DropDraft(ctx, drafts[0].Pos))
	if drafts, err = p.Drafts(ctx, "Alice"); err != nil || len(drafts) != 1 || string(drafts[0].Body) != "two" {
		t.Errorf("got %+v, %v, want two", drafts, err)
	}
}
