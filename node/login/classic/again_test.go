package classic

import (
	"crypto/rand"
	"testing"
)

// A client that logs in again proves possession of the key that its first
// login unlocked; it keeps no password for that.
func TestLoginAgain(t *testing.T) {
	w := newWorld(t)
	c, err := NewClient(ClientConfig{Random: rand.Reader, Server: w.id.Public(), User: "Alice", Identity: testKeys()["alice"]})
	if err != nil {
		t.Fatal(err)
	}
	c.Bind(testConn)
	run, m5, mine := w.toM5(c)
	_, theirs, err := run.Next(w.now, m5)
	if err != nil {
		t.Fatalf("message 5: %v (%v)", err, w.counts)
	}
	if mine.Send != theirs.Receive || mine.Receive != theirs.Send {
		t.Error("the two sides derived different secrets")
	}
}

// The server drops the proof of a key that is not the user's any more.
func TestLoginAgainWithAnOldKey(t *testing.T) {
	w := newWorld(t)
	c, err := NewClient(ClientConfig{Random: rand.Reader, Server: w.id.Public(), User: "Alice", Identity: w.id})
	if err != nil {
		t.Fatal(err)
	}
	c.Bind(testConn)
	run, m5, _ := w.toM5(c)
	if _, _, err := run.Next(w.now, m5); err == nil || run.Peer() != nil {
		t.Error("the server took the proof of another key")
	}
}
