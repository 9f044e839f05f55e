package classic

import (
	"context"
	"sync"
	"testing"
	"time"

	"sotto/node/keys"
)

// BenchmarkServerFirst is what a stranger's message 1 costs.
func BenchmarkServerFirst(b *testing.B) {
	w := newWorld(b)
	m1, err := w.client("Alice", "Alice").First()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		w.server.First(w.now, testFrom, m1)
	}
}

// BenchmarkClientLogin is what a login costs the client, the server's part included, at the
// usual difficulty and with the protocol's stretching of the password.
func BenchmarkClientLogin(b *testing.B) {
	for name, stretch := range map[string]Stretch{"argon2id": {}, "without": keys.WeakForTests} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			w.server.challenges.D = 2
			record, err := NewRecord(w.server.cfg.Random, testKeys()["alice"], "Alice", []byte("Alice"), testNow, stretch)
			if err != nil {
				b.Fatal(err)
			}
			w.users["alice"] = record
			for b.Loop() {
				w.now = w.now.Add(time.Minute)
				c := w.client("Alice", "Alice")
				c.cfg.Stretch = stretch
				run, m5, _ := w.toM5(c)
				if _, _, err := run.Next(w.now, m5); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Logins at one server at the same time don't disturb one another.
func TestConcurrentLogins(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			name := []string{"Alice", "Bob", "nobody"}[i%3]
			c := w.client(name, name)
			run, m4 := w.toM4(c)
			m5, _, err := c.Next(context.Background(), m4)
			if name == "nobody" {
				wants(t, err, ErrPassword)
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			if _, _, err := run.Next(w.now, m5); err != nil || run.Peer().(*Peer).User != name {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	all.Wait()
}
