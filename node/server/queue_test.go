package server

import (
	"fmt"
	"testing"

	"sotto/wire"
)

func presenceOf(name string, o wire.Online) *wire.Push {
	return &wire.Push{Type: wire.PushTypePresence, Presence: wire.Presence{Name: name, Online: o}}
}

// "Only the latest state of a user counts": a flapping user takes one place.
func TestQueueKeepsTheLatestPresence(t *testing.T) {
	drains := 0
	q := pushQueue{limit: 2, start: func() { drains++ }}
	for i := range 100 {
		if !q.add(presenceOf("Bob", wire.Online(i%2))) {
			t.Fatalf("presence %d of one user did not fit", i)
		}
	}
	q.add(presenceOf("Eve", wire.OnlineOnline))
	if q.add(presenceOf("Alice", wire.OnlineOnline)) {
		t.Error("a third user fitted into a queue of two")
	}
	var got string
	for p, ok := q.next(); ok; p, ok = q.next() {
		got += fmt.Sprint(p.Presence.Name, " ", uint8(p.Presence.Online), ";")
	}
	if want := "Bob 1;Eve 1;"; got != want {
		t.Errorf("drained %q, want %q", got, want)
	}
	q.add(presenceOf("Eve", wire.OnlineOffline))
	if drains != 2 {
		t.Errorf("the drain was started %d times, want once for each time the queue had been empty: 2", drains)
	}
	q.close()
	if q.add(presenceOf("Bob", wire.OnlineOffline)) {
		t.Error("a closed queue took a push")
	}
}
