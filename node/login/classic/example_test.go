package classic_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"time"

	"sotto/node/directory/manifest"
	"sotto/node/keys"
	"sotto/node/login/classic"
	"sotto/wire"
)

// accounts keep users and marks in memory. A server keeps both on disk.
type accounts struct {
	users map[string]*wire.Record
	marks map[[32]byte]bool
}

func (a accounts) Record(folded string) (*wire.Record, error) { return a.users[folded], nil }

func (a accounts) Mark(_ time.Time, key [32]byte, _ time.Time) (bool, error) {
	known := a.marks[key]
	a.marks[key] = true
	return !known, nil
}

// A login, without the transport that would carry the messages.
func Example() {
	now, from, conn := time.Now(), netip.MustParseAddrPort("192.0.2.1:5000"), [32]byte{1}
	identity, err := keys.Generate(rand.Reader)
	if err != nil {
		panic(err)
	}
	alice, err := keys.Generate(rand.Reader)
	if err != nil {
		panic(err)
	}
	record, err := classic.NewRecord(rand.Reader, alice, "Alice", []byte("secret"), now, keys.WeakForTests)
	if err != nil {
		panic(err)
	}
	known := accounts{map[string]*wire.Record{"alice": record}, make(map[[32]byte]bool)}
	server, err := classic.NewServer(classic.ServerConfig{Random: rand.Reader, Identity: identity, Users: known, Marks: known})
	if err != nil {
		panic(err)
	}
	client, err := classic.NewClient(classic.ClientConfig{
		Random: rand.Reader, Server: identity.Public(),
		User: "alice", Password: []byte("secret"), Stretch: keys.WeakForTests,
	})
	if err != nil {
		panic(err)
	}

	m1, _ := client.First()
	_, m2 := server.First(now, from, m1) // nothing is kept for it
	client.Bind(conn)
	m3, _, err := client.Next(context.Background(), m2)
	if err != nil {
		panic(err)
	}
	run := server.Begin(now, from, conn)
	m4, _, err := run.Next(now, m3)
	if err != nil {
		panic(err)
	}
	m5, mine, err := client.Next(context.Background(), m4)
	if err != nil {
		panic(err)
	}
	_, theirs, err := run.Next(now, m5)
	if err != nil {
		panic(err)
	}
	fmt.Println("same keys:", mine.Send == theirs.Receive && mine.Receive == theirs.Send)

	all, err := manifest.Sign(rand.Reader, identity, nil,
		[]wire.ManifestEntry{{User: record.Name, Key: record.Key, SinceMs: record.SinceMs}}, now, now.Add(manifest.Life))
	if err != nil {
		panic(err)
	}
	m6, err := run.Peer().(*classic.Peer).SealM6(now, all.Signed())
	if err != nil {
		panic(err)
	}
	_, signed, err := client.OpenM6(m6)
	if err != nil {
		panic(err)
	}
	people, err := manifest.Verify(identity.Public(), signed)
	if err != nil {
		panic(err)
	}
	me, _ := people.Lookup("alice")
	fmt.Println("logged in as", me.Name, "with my own key:", people.CheckOwn("alice", client.Identity().Public().Id()) == nil)
	// Output:
	// same keys: true
	// logged in as Alice with my own key: true
}
