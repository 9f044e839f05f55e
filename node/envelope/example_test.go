package envelope_test

import (
	"crypto/rand"
	"fmt"
	"time"

	"sotto/node/envelope"
	"sotto/node/keys"
	"sotto/wire"
)

// Alice writes to Bob. Each has the other's public key from the directory.
func Example() {
	alice, err := keys.Generate(rand.Reader)
	if err != nil {
		panic(err)
	}
	bob, err := keys.Generate(rand.Reader)
	if err != nil {
		panic(err)
	}
	now := time.Now()

	sealed, err := envelope.Seal(rand.Reader,
		envelope.Sender{Identity: alice, Name: "Alice"},
		envelope.Person{Name: "Bob", Key: bob.Public()},
		envelope.Heading{Id: [16]byte{1}, Seq: 1, Sent: now}, "hello there")
	if err != nil {
		panic(err)
	}

	var window envelope.Window // Bob's, of what came from Alice
	m, err := envelope.Open(bob, "Bob", envelope.Person{Name: "Alice", Key: alice.Public()}, now, envelope.DirectAge, sealed)
	if err != nil {
		panic(err)
	}
	if _, err := window.Accept(m.Header.Seq, m.Header.Id); err != nil {
		panic(err)
	}
	fmt.Println(m.Header.From+":", m.Text)

	_, err = window.Accept(m.Header.Seq, m.Header.Id)
	fmt.Println("again:", err)
	// Output:
	// Alice: hello there
	// again: the message was here before
}

// Alice writes to Bob, of whom the log shows an account and one device.
func Example_letter() {
	realm := wire.Realm{1}
	account, err := keys.NewAccount(rand.Reader) // Bob's; Alice has one, too
	if err != nil {
		panic(err)
	}
	bob, err := keys.NewDevice(rand.Reader, realm, "Bob", account)
	if err != nil {
		panic(err)
	}
	hers, err := keys.NewAccount(rand.Reader)
	if err != nil {
		panic(err)
	}
	alice, err := keys.NewDevice(rand.Reader, realm, "Alice", hers)
	if err != nil {
		panic(err)
	}
	shown := func(name string, a *keys.Account, d *keys.Device) *envelope.Contact {
		public := a.Public()
		return envelope.NewContact(name, &public, []wire.Device{{Keys: d.Public()}})
	}
	now := time.Now()

	sealed, err := envelope.SealLetter(rand.Reader, alice, shown("Bob", account, bob),
		envelope.LetterHeading{Id: [16]byte{1}, Seq: 1, Sent: now}, "hello there")
	if err != nil {
		panic(err)
	}
	m, err := envelope.OpenLetter(bob, []wire.KeyId{account.Id()}, shown("Alice", hers, alice), now, envelope.DirectAge, sealed)
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Header.From+":", m.Text)
	// Output: Alice: hello there
}
