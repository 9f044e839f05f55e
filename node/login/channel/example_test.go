package channel_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"time"

	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/node/session"
	"sotto/wire"
)

// accounts keep users in memory. A server keeps them in its store, and their devices in its log.
type accounts map[string]*channel.Account

func (a accounts) Account(folded string) (*channel.Account, error) { return a[folded], nil }

// login brings the messages of one login back and forth, as the transport would.
func login(now time.Time, server *channel.Server, client *channel.Client) (*channel.Peer, *wire.B6, error) {
	from, conn := netip.MustParseAddrPort("192.0.2.1:5000"), [32]byte{1}
	b1, err := client.First()
	if err != nil {
		return nil, nil, err
	}
	_, b2 := server.First(now, from, b1) // nothing is kept for it
	client.Bind(conn)
	run := server.Begin(now, from, conn)
	var mine, theirs *session.Secrets
	for msg := b2; theirs == nil; {
		var reply []byte
		if reply, mine, err = client.Next(context.Background(), msg); err != nil {
			return nil, nil, err
		}
		if msg, theirs, err = run.Next(now, reply); err != nil {
			return nil, nil, err
		}
	}
	if mine.Send != theirs.Receive || mine.Receive != theirs.Send {
		return nil, nil, fmt.Errorf("the two sides have different keys")
	}
	peer := run.Peer().(*channel.Peer)
	frame, err := peer.B6(now, &wire.TreeHead{}, &wire.TreeProof{}) // of the log, which directory keeps
	if err != nil {
		return nil, nil, err
	}
	b6, err := client.OpenB6(frame)
	return peer, b6, err
}

// Alice logs in with her password on a new device, and then with the device. The transport
// that would carry the messages is left out, and so is the log.
func Example() {
	now := time.Now()
	host, err := keys.NewHost(rand.Reader)
	if err != nil {
		panic(err)
	}
	account, err := keys.NewAccount(rand.Reader)
	if err != nil {
		panic(err)
	}
	registrar, err := channel.NewRegistrar(host)
	if err != nil {
		panic(err)
	}
	record, err := registrar.Register(rand.Reader, "Alice", []byte("secret"), account, now, keys.WeakForTests)
	if err != nil {
		panic(err)
	}
	alice := &channel.Account{Record: record, Sign: account.Signer.Public(), Devices: make(map[wire.KeyId]wire.VerifyKey)}
	server, err := channel.NewServer(channel.ServerConfig{Random: rand.Reader, Host: host, Accounts: accounts{"alice": alice}})
	if err != nil {
		panic(err)
	}

	pin := host.Key()
	config := channel.ClientConfig{Random: rand.Reader, Server: &pin, User: "alice", Stretch: keys.WeakForTests}
	config.Password = []byte("secret")
	client, err := channel.NewClient(config)
	if err != nil {
		panic(err)
	}
	peer, b6, err := login(now, server, client)
	if err != nil {
		panic(err)
	}
	fmt.Println(peer.User, "by password:", b6.Scope)

	// What the session may do is to enter the device into the log.
	device := client.Device()
	alice.Devices[peer.Device] = peer.DeviceKeys.Sign

	config.Password, config.Device = nil, device
	if client, err = channel.NewClient(config); err != nil {
		panic(err)
	}
	if peer, b6, err = login(now, server, client); err != nil {
		panic(err)
	}
	fmt.Println(peer.User, "by device:", b6.Scope)

	config.Password = []byte("Secret")
	if client, err = channel.NewClient(config); err != nil {
		panic(err)
	}
	_, _, err = login(now, server, client)
	fmt.Println(err)
	// Output:
	// Alice by password: enrol
	// Alice by device: full
	// wrong name or password
}
