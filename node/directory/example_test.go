package directory_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/wire"
)

// A log in memory, as a server or a client may keep it.
type kept struct {
	hashes  []wire.Hash
	entries map[string][]byte // by folded name
	retired map[wire.Hash]bool
}

func (k *kept) Hashes(_ context.Context, numbers []int64) (hashes []wire.Hash, err error) {
	for _, n := range numbers {
		hashes = append(hashes, k.hashes[n])
	}
	return hashes, nil
}

func (k *kept) Entry(_ context.Context, user string) ([]byte, error) {
	return k.entries[keys.Fold(user)], nil
}

func (k *kept) Retired(_ context.Context, user string, hashes []wire.Hash) (bool, error) {
	return slices.ContainsFunc(hashes, func(h wire.Hash) bool { return k.retired[h] }), nil
}

// ReadHashes is for tlog.
func (k *kept) ReadHashes(indexes []int64) (hashes []tlog.Hash, err error) {
	for _, n := range indexes {
		hashes = append(hashes, tlog.Hash(k.hashes[n]))
	}
	return hashes, nil
}

// Alice makes an account and adds her phone to it. The server lets the log grow and signs its
// head; Bob reads it and knows her phone. Then somebody shows him a head of another
// log, which the server has signed too.
func Example() {
	ctx, now := context.Background(), time.UnixMilli(1_800_000_000_000)
	try := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	host, err := keys.NewHost(rand.Reader)
	try(err)
	alice, err := keys.NewAccount(rand.Reader)
	try(err)
	phone, err := keys.NewDevice(rand.Reader, host.Realm(), "Alice", alice)
	try(err)

	one, err := directory.Create(host.Realm(), "Alice", alice, nil, now)
	try(err)
	two, err := one.AddDevice(alice.Signer, wire.Device{Keys: phone.Public(), Name: "phone"}, now)
	try(err)

	log := new(kept)
	var last *directory.Entry
	for n, e := range []*directory.Entry{one, two} {
		last, err = directory.Next(host.Realm(), last, e.Bytes()) // as it came over the wire
		try(err)
		hashes, err := tlog.StoredHashes(int64(n), e.Bytes(), log)
		try(err)
		for _, h := range hashes {
			log.hashes = append(log.hashes, wire.Hash(h))
		}
	}
	head, err := directory.SignHead(host.Signer(), host.Realm(), 2, log)
	try(err)

	memory := &kept{entries: map[string][]byte{}}
	bob := directory.NewFollower(host.History(), directory.Own{User: "Bob"}, memory, directory.Seen{})
	update, err := bob.TakeLeaves(ctx, bob.Ask(), &wire.LeavesReply{
		Head:   head,
		Leaves: []wire.Leaf{{Entry: one.Bytes()}, {Entry: two.Bytes()}},
	})
	try(err)
	for _, c := range update.Changes {
		fmt.Println(c.Entry)
		for _, d := range c.Added {
			fmt.Println("  with", d.Name)
		}
		memory.entries[keys.Fold(c.Entry.User())] = c.Entry.Bytes()
	}
	memory.hashes = append(memory.hashes, update.Hashes...)
	bob.Keep(update)

	other := &kept{hashes: []wire.Hash{wire.Hash(tlog.RecordHash([]byte("what the server tells others")))}}
	lie, err := directory.SignHead(host.Signer(), host.Realm(), 1, other)
	try(err)
	_, err = bob.Hear(ctx, &lie)
	fmt.Println(err)
	fmt.Println("proved to anybody:", directory.CheckEvidence(host.Id(), err.(*directory.ForkError).Evidence) == nil)
	// Output:
	// entry 1 of Alice (created)
	// entry 2 of Alice (device)
	//   with phone
	// the server has signed two logs, of 1 and 2 leaves, of which neither continues the other
	// proved to anybody: true
}
