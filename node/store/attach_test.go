package store

import (
	"sync"
	"sync/atomic"
	"time"
)

// What is pushed, tested against Engine as in conformance_test.go.

// A recorder keeps what is pushed.
type recorder struct {
	mu    sync.Mutex
	items []Stored
	grew  chan struct{}
}

func newRecorder() *recorder { return &recorder{grew: make(chan struct{}, 1)} }

func (r *recorder) push(it Stored) {
	r.mu.Lock()
	r.items = append(r.items, it)
	r.mu.Unlock()
	select {
	case r.grew <- struct{}{}:
	default:
	}
}

// wait returns what was pushed, once there are n.
func (r *recorder) wait(f *fixture, n int) []Stored {
	f.Helper()
	limit := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		items := append([]Stored(nil), r.items...)
		r.mu.Unlock()
		if len(items) >= n {
			return items
		}
		select {
		case <-r.grew:
		case <-limit:
			f.Fatalf("%d pushed, want %d", len(items), n)
		}
	}
}

func testAttach(f *fixture) {
	f.users("Alice", "Bob")
	alice := mailboxOf("Alice")
	skipped := f.do(appendOp("Bob", "Alice", 1, "acked long ago")).Seq
	f.do(appendOp("Bob", "Alice", 2, "waits"))
	if f.e.Present(alice) {
		f.Error("present before attaching")
	}
	first, second := newRecorder(), newRecorder()
	detach := f.e.Attach(alice, skipped, first.push)
	if !f.e.Present(alice) {
		f.Error("not present after attaching")
	}
	detachSecond := f.e.Attach(alice, 0, second.push)
	f.do(appendOp("Bob", "Alice", 3, "comes"))
	if got := first.wait(f, 2); say(got[0]) != "envelope:Bob:waits" || say(got[1]) != "envelope:Bob:comes" {
		f.Errorf("pushed %v", got)
	}
	second.wait(f, 3)
	detach()
	detach()
	if !f.e.Present(alice) {
		f.Error("not present though one is attached")
	}
	f.do(appendOp("Bob", "Alice", 4, "later"))
	second.wait(f, 4)
	detachSecond()
	if f.e.Present(alice) {
		f.Error("present after detaching")
	}
	if got := first.wait(f, 0); len(got) != 2 {
		f.Errorf("pushed %d after detaching", len(got)-2)
	}

	// The note of an ack is pushed too.
	bob := newRecorder()
	defer f.e.Attach(mailboxOf("Bob"), 0, bob.push)()
	f.do(ackOp("Alice", skipped))
	if got := bob.wait(f, 1); say(got[0]) != "delivered:Alice:message 00000001" {
		f.Errorf("pushed %v", got)
	}
}

// "push is called for every later append, in order, at least once."
func testAttachManyWriters(f *fixture) {
	f.users("Alice")
	r := newRecorder()
	const writers, each = 10, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				f.do(appendOp("Bob", "Alice", w*each+n, "x"))
			}
		})
	}
	defer f.e.Attach(mailboxOf("Alice"), 0, r.push)()
	wg.Wait()
	got := r.wait(f, writers*each)
	for i, want := range f.items("Alice") {
		if got[i].Seq != want.Seq || got[i].ID != want.ID {
			f.Fatalf("push %d is %d, want %d", i, got[i].Seq, want.Seq)
		}
	}
}

// A push that blocks holds up nobody else.
func testSlowPush(f *fixture) {
	f.users("Alice", "Bob")
	gate := make(chan struct{})
	entered := make(chan struct{}, 1)
	var slow atomic.Int32
	detach := f.e.Attach(mailboxOf("Alice"), 0, func(Stored) {
		slow.Add(1)
		entered <- struct{}{}
		<-gate
	})
	f.do(appendOp("Bob", "Alice", 0, "x"))
	<-entered
	bob := newRecorder()
	defer f.e.Attach(mailboxOf("Bob"), 0, bob.push)()
	for n := range 300 {
		f.do(appendOp("Bob", "Alice", n, "x"))
		f.do(appendOp("Alice", "Bob", n, "x"))
	}
	bob.wait(f, 300)
	detach()
	close(gate)
	if n := slow.Load(); n != 1 {
		f.Errorf("%d pushes to the slow one after it detached", n-1)
	}
}
