package channel

import (
	"bytes"
	"context"
	"testing"

	"sotto/wire"
)

// variants are a message cut at every byte, and with 1 to 64 bytes more.
func variants(msg []byte) [][]byte {
	var all [][]byte
	for n := range msg {
		all = append(all, msg[:n:n])
	}
	for n := 1; n <= 64; n++ {
		all = append(all, append(bytes.Clone(msg), make([]byte, n)...))
	}
	return all
}

// Empty, one byte, 65,507 bytes, all of them 0 or 0xff; messages of the classic tier.
func TestAttack01FirstDropsWhatIsNoFirstMessage(t *testing.T) {
	w := newWorld(t)
	b1, err := w.byDevice("Alice", "Alice").First()
	if err != nil {
		t.Fatal(err)
	}
	classic := mustEncode(t, &wire.KeyAsk{})
	for _, msg := range append(variants(b1), nil, []byte{41}, make([]byte, 65507), bytes.Repeat([]byte{0xff}, 65507), classic) {
		if verdict, reply := w.server.First(w.now, testFrom, msg); verdict != Drop || reply != nil {
			t.Fatalf("%d bytes: verdict = %d", len(msg), verdict)
		}
	}
}

// Every message of every kind of login, cut at every byte and with bytes behind: refused,
// and nothing has changed: the honest message is taken next.
func TestAttack02And03CutAndLengthened(t *testing.T) {
	for kind := range newWorld(t).kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			w := newWorld(t)
			c := w.kinds()[kind]
			client := func(good []byte) []byte {
				for _, msg := range variants(good) {
					ignores(t, c, "cut or lengthened", msg)
				}
				return w.next(c, good)
			}
			b3 := client(w.b2(c))
			run := w.begin()
			for _, msg := range variants(b3) {
				w.refuses(run, msg, ReasonB3)
			}
			w.restart() // so that the failures are forgotten, which would cost work
			run.server = w.server
			b4, _, err := run.Next(w.now, b3)
			if err != nil {
				t.Fatal(err)
			}
			for _, msg := range variants(b4) {
				ignores(t, c, "cut or lengthened", msg)
			}
			b5, mine, err := c.Next(context.Background(), b4)
			if err != nil {
				t.Fatal(err)
			}
			for _, msg := range variants(b5) {
				w.refuses(run, msg, ReasonB5Sealed)
			}
			w.ends(run, b5, mine)
		})
	}
}

// The same between two clients.
func TestAttack02And03PeersCutAndLengthened(t *testing.T) {
	w := newWorld(t)
	c := newCall(w)
	callee := func(good []byte) []byte {
		for _, msg := range variants(good) {
			if reply, s, err := c.run.Next(w.now, msg); err == nil || reply != nil || s != nil || c.run.Peer() != nil {
				t.Fatalf("%d of %d bytes are taken", len(msg), len(good))
			}
		}
		reply, _ := c.takes(good)
		return reply
	}
	caller := func(good []byte) []byte {
		for _, msg := range variants(good) {
			if reply, s, err := c.caller.Next(context.Background(), msg); err != ErrDrop || reply != nil || s != nil {
				t.Fatalf("%d of %d bytes are taken: %v", len(msg), len(good), err)
			}
		}
		reply, _ := c.says(good)
		return reply
	}
	p1 := c.p1()
	for _, msg := range variants(p1) {
		if verdict, _ := c.callee.First(w.now, testFrom, msg); verdict != Drop {
			t.Fatalf("%d bytes of P1: verdict = %d", len(msg), verdict)
		}
	}
	callee(caller(callee(caller(callee(p1)))))
	if c.run.Peer() == nil || c.caller.Peer() == nil {
		t.Error("the call has not come about")
	}
}

// Every bit of every message counts: a changed byte is refused and changes nothing.
func TestEveryByteCounts(t *testing.T) {
	w := newWorld(t)
	c := w.byDevice("Alice", "Alice")
	flips := func(good []byte, try func(msg []byte)) {
		for at := range good {
			msg := bytes.Clone(good)
			msg[at] ^= 1 << (at % 8)
			try(msg)
		}
	}
	b2 := w.b2(c)
	flips(b2, func(msg []byte) { ignores(t, c, "changed B2", msg) })
	b3 := w.next(c, b2)
	run := w.begin()
	flips(b3, func(msg []byte) {
		if reply, _, err := run.Next(w.now, msg); err == nil {
			t.Fatalf("a changed B3 is answered with %d bytes", len(reply))
		}
		// A solution serves once, also with a box that is changed. Here it is given back.
		w.server.demand, w.server.used = newDemand(t), replaySet{}
		if run.state != runWantsB3 {
			t.Fatal("a changed B3 has moved the run")
		}
	})
	b4, _, err := run.Next(w.now, b3)
	if err != nil {
		t.Fatal(err)
	}
	flips(b4, func(msg []byte) { ignores(t, c, "changed B4", msg) })
	b5, mine, err := c.Next(context.Background(), b4)
	if err != nil {
		t.Fatal(err)
	}
	flips(b5, func(msg []byte) {
		if _, s, err := run.Next(w.now, msg); err == nil || s != nil {
			t.Fatal("a changed B5 is taken")
		}
	})
	w.ends(run, b5, mine)
}
