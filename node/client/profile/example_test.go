package profile_test

import (
	"context"
	"fmt"
	"os"

	"sotto/node/client/profile"
)

// A message is in the outbox before it leaves, and an incoming one in the
// inbox before it is acked.
func Example() {
	root, err := os.MkdirTemp("", "sotto-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	p, err := profile.Open(profile.Dir(root, "Bob", "127.0.0.1:5000"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	ctx := context.Background()
	out, err := p.Send(ctx, "Alice", 1_800_000_000_000, func(seq uint64) (profile.Sealed, error) {
		return profile.Sealed{ID: [16]byte{7}, Envelope: fmt.Appendf(nil, "sealed under number %d", seq)}, nil
	})
	fmt.Println(out.To, out.State, err)
	// Here it leaves. Then news of it come:
	news, err := p.SetState(ctx, out.ID, profile.Delivered, "")
	fmt.Println(news, err)

	err = p.Receive(ctx, profile.Sender{Name: "Alice"}, func(window []byte) ([]byte, *profile.Incoming, error) {
		return []byte("window with number 1"), &profile.Incoming{ID: [16]byte{8}, Body: []byte("sealed answer")}, nil
	})
	fmt.Println("may be acked:", err == nil)
	inbox, err := p.Unshown(ctx, 0, 10)
	for _, in := range inbox {
		fmt.Printf("%s: %s\n", in.From, in.Body)
		err = p.Shown(ctx, in.Pos)
	}
	fmt.Println(err)
	// Output:
	// Alice queued <nil>
	// true <nil>
	// may be acked: true
	// Alice: sealed answer
	// <nil>
}
