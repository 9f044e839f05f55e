package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"sotto/node/store"
)

// Bob writes to Alice, who is not there; she comes, gets it, acks it, and Bob
// is told.
func Example() {
	dir, err := os.MkdirTemp("", "sotto-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	engine, err := store.Open(filepath.Join(dir, "state"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer engine.Close()

	ctx := context.Background()
	at := int64(1_800_000_000_000) // the caller's clock
	do := func(op store.Op) store.Result {
		op.At = at
		res, err := engine.Do(ctx, op)
		if err != nil {
			fmt.Println(err)
		}
		return res
	}
	alice, bob := store.Mailbox{1}, store.Mailbox{2} // drawn at random in earnest
	do(store.Op{PutUser: &store.PutUser{Name: "Alice", Mailbox: alice}})
	do(store.Op{PutUser: &store.PutUser{Name: "Bob", Mailbox: bob}})

	letter := &store.Append{Mailbox: alice, Id: store.MsgID{7}, From: "Bob", ExpiresMs: uint64(at + 1000), Body: []byte("(sealed)")}
	fmt.Println("stored:", do(store.Op{Append: letter}).Fresh)
	fmt.Println("stored again:", do(store.Op{Append: letter}).Fresh)

	pushed := make(chan store.Stored)
	detach := engine.Attach(alice, 0, func(it store.Stored) { pushed <- it })
	it := <-pushed
	detach()
	fmt.Printf("Alice gets %s from %s\n", it.Body, it.From)
	do(store.Op{Ack: &store.Ack{Mailbox: alice, UpTo: uint64(it.Seq)}})

	notes, _, err := engine.Read(ctx, bob, 0, 10)
	if err != nil {
		fmt.Println(err)
	}
	for _, n := range notes {
		fmt.Println("Bob hears that it was delivered:", n.Kind == store.KindDelivered && n.ID == letter.Id && n.From == "Alice")
	}
	// Output:
	// stored: true
	// stored again: false
	// Alice gets (sealed) from Bob
	// Bob hears that it was delivered: true
}
