package fuzz

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sotto/node/store"
)

// FuzzStoreApply applies a story of operations to the store and to a model of it
// that is as plain as can be, and compares each answer and, at the end, what
// the mailboxes hold. The store is closed and opened again in between.
func FuzzStoreApply(f *testing.F) {
	for _, story := range []string{
		"\x00\x00\x00\x00\x00\x00\x01\x01\x00\x01",                                                                     // two users
		"\x00\x00\x00\x00\x00\x00\x01\x01\x00\x01\x01\x00\x01\x00\x01\x01\x00\x01\x00\x01",                             // an envelope, twice
		"\x00\x00\x00\x00\x00\x00\x01\x01\x00\x01\x01\x00\x01\x00\x09\x02\x01\xff\x01\x00\x01\x00\x09\x07\x02\x00\xff", // acked, again, note acked
		"\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x06\x09\x09\x06\x09\x09\x07",                                         // expires
		"\x03\x01\x01\x03\x01\x01\x06\x05\x09\x06\x05\x09\x06\x05\x09\x06\x05\x09\x06\x05\x09\x06\x05\x09\x03\x01\x01", // a mark
		// leaves, one of them again, and once more after a restart
		"\x08\x00\x00\x00\x00\x00\x01\x08\x01\x01\x01\x01\x00\x00\x08\x00\x00\x00\x00\x00\x01\x08\x02\x01\x02\x00\x01\x01\x07\x08\x02\x01\x02\x00\x01\x01",
		"\x04\x01\x01\x04\x01\x01\x04\x01\x02\x04\x00\x01\x05\x01\x01\x05\x01\x02", // manifest, value
	} {
		f.Add([]byte(story))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		story := []byte("\x00\x00\x00\x00\x00\x00\x01\x01\x00\x01\x00\x04\x02\x00\x01") // three users
		for range 200 {
			story = append(story, byte(random.Uint32()))
		}
		f.Add(story)
	}
	f.Fuzz(func(t *testing.T, story []byte) {
		s := &storeStory{T: t, dir: filepath.Join(stateFolder(t), "state"), model: newStoreModel()}
		s.open()
		defer func() { s.engine.Close() }()
		for n := 0; len(story) > 0 && n < 64; n++ {
			story = s.step(story)
		}
		s.compare()
	})
}

// stateFolder is a folder in memory where the machine has one, as flushing
// takes most of the time.
func stateFolder(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "sotto-fuzz-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

type storeStory struct {
	*testing.T
	dir    string
	engine *store.Store
	model  *storeModel
	at     int64
	opened int
}

func (s *storeStory) open() {
	engine, err := store.Open(s.dir)
	if err != nil {
		s.Fatal(err)
	}
	s.engine = engine
	s.opened++
}

var storeNames = []string{"Alice", "bob", "ALICE", "Bob", "Carol", "a/b"}

// step takes the next operation from the story and applies it to both.
func (s *storeStory) step(story []byte) (rest []byte) {
	next := func() int {
		if len(story) == 0 {
			return 0
		}
		b := story[0]
		story = story[1:]
		return int(b)
	}
	name := func() string { return storeNames[next()%len(storeNames)] }
	mailbox := func() store.Mailbox { return store.Mailbox{byte(next() % 4)} }
	var op store.Op
	switch next() % 9 {
	case 0:
		op.PutUser = &store.PutUser{Name: name(), Mailbox: mailbox(), OldRev: uint64(next() % 4), Record: []byte{byte(next() % 2)}}
	case 1:
		op.Append = &store.Append{From: name(), Mailbox: mailbox(), Id: [16]byte{byte(next() % 4)}}
		op.Append.ExpiresMs = uint64(s.at + int64(next())*10_000)
		op.Append.Body = []byte(fmt.Sprint(op.Append.From, op.Append.Id[0]))
	case 2:
		op.Ack = &store.Ack{Mailbox: mailbox(), UpTo: uint64(next())}
	case 3:
		op.Mark = &store.Mark{Key: [32]byte{byte(next() % 4)}, ExpiresMs: uint64(s.at + int64(next())*1000)}
	case 4:
		op.SetManifest = &store.SetManifest{Version: uint64(next() % 8), Body: []byte{byte(next() % 2)}}
	case 5:
		op.Put = &store.Put{Name: name(), Value: []byte{byte(next())}}
	case 6:
		s.at = max(0, s.at+int64(next()-16)*int64(next())*10_000)
		op.Expire = &store.Expire{Max: uint16(next() % 8)}
	case 7:
		if s.opened > 8 {
			return story // to open takes as long as fifty operations
		}
		if err := s.engine.Close(); err != nil {
			s.Fatal(err)
		}
		s.open()
		return story
	case 8:
		op.Enter = &store.Enter{Leaf: uint64(next() % 8), Entry: []byte{byte(next() % 2)}}
		op.Enter.User = store.PutUser{Name: name(), Mailbox: mailbox(), OldRev: uint64(next() % 4), Record: []byte{byte(next() % 2)}}
	}
	op.At = s.at
	got, gotErr := s.engine.Do(context.Background(), op)
	want, wantErr := s.model.apply(op)
	if got != want || (wantErr == nil) != (gotErr == nil) || !errors.Is(gotErr, wantErr) {
		s.Fatalf("%+v: got %+v, %v; want %+v, %v", op, got, gotErr, want, wantErr)
	}
	return story
}

// compare compares what the two hold.
func (s *storeStory) compare() {
	ctx := context.Background()
	for mb := range byte(4) {
		items, more, err := s.engine.Read(ctx, store.Mailbox{mb}, 0, 1000)
		if err != nil || more {
			s.Fatal(more, err)
		}
		want := s.model.items[store.Mailbox{mb}]
		if len(items) != len(want) {
			s.Fatalf("mailbox %d holds %v, want %v", mb, items, want)
		}
		for i, it := range items {
			w := want[i]
			if it.Seq != w.Seq || it.Kind != w.Kind || it.ID != w.ID || !strings.EqualFold(it.From, w.From) || it.At != w.At || it.Expires != w.Expires || !bytes.Equal(it.Body, w.Body) {
				s.Fatalf("mailbox %d holds %+v, want %+v", mb, it, w)
			}
		}
	}
	leaves, err := s.engine.Leaves(ctx, 0, 1<<20)
	if err != nil || len(leaves) != len(s.model.leaves) {
		s.Fatalf("%d leaves, %v; want %d", len(leaves), err, len(s.model.leaves))
	}
	for i, entry := range leaves {
		if !bytes.Equal(entry, s.model.leaves[i].op.Entry) {
			s.Fatalf("leaf %d is %x, want %x", i, entry, s.model.leaves[i].op.Entry)
		}
	}
	n := 0
	for u, err := range s.engine.Users(ctx) {
		w := s.model.users[strings.ToLower(u.Name)]
		if err != nil || w == nil || u.Mailbox != w.Mailbox || u.Rev != w.Rev || !bytes.Equal(u.Record, w.Record) {
			s.Fatalf("user %+v, %v; want %+v", u, err, w)
		}
		n++
	}
	if n != len(s.model.users) {
		s.Fatalf("%d users, want %d", n, len(s.model.users))
	}
}
