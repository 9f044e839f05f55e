package envelope_test

import (
	"crypto/rand"
	"fmt"
	"time"

	"sotto/node/envelope"
	"sotto/node/keys"
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
