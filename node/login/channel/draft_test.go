package channel

import (
	"context"
	"crypto/rand"

	"sotto/node/keys"
	"sotto/node/session"
	"sotto/wire"
)

// A draft is a B3 that a test builds by hand.
type draft struct {
	w     *world
	e     *keys.Sealer
	start *session.Start
	first *session.First
	head  wire.B3Head
	conn  wire.Hash
	box   wire.B3Box
}

// draft answers the server's challenge for Alice's device without sealing anything yet.
func (w *world) draft() *draft {
	w.t.Helper()
	seed, err := keys.NewSeed(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	d := &draft{w: w, e: keys.NewSealer(seed), conn: testConn}
	key := w.host.Key()
	var ct1 wire.Encapsulation
	if d.start, ct1, err = session.StartTo(&key.Seal); err != nil {
		w.t.Fatal(err)
	}
	d.head.Keys = wire.ChannelKeys{EPk: d.e.Public(), Ct1: ct1}
	mustDecode(w.t, w.b2(w.byDevice("Alice", "Alice")), &d.head.C1)
	d.box = wire.B3Box{User: "Alice", Kind: wire.LoginKindDevice, Device: wire.DeviceClaim{Device: w.member["alice"].device.Id()}}
	d.solve()
	return d
}

func (d *draft) solve() {
	d.w.t.Helper()
	p, err := newPuzzle(&d.head.C1.Body, d.conn, &d.head.Keys)
	if err != nil {
		d.w.t.Fatal(err)
	}
	if d.head.Xs, err = p.Solve(context.Background()); err != nil {
		d.w.t.Fatal(err)
	}
}

// sign puts a C1 into the draft and solves it.
func (d *draft) sign(by *keys.Signer, l keys.Label, c1 wire.C1) {
	d.w.t.Helper()
	d.head.C1 = signC1(d.w, by, l, c1)
	d.solve()
}

// seal makes the B3.
func (d *draft) seal() []byte {
	d.w.t.Helper()
	return d.sealBytes(mustEncode(d.w.t, &d.box))
}

// sealBytes makes a B3 with whatever in its box.
func (d *draft) sealBytes(plain []byte) []byte {
	d.w.t.Helper()
	d.first = d.start.First(d.conn, mustEncode(d.w.t, &d.head.C1), d.w.host.Id(), mustEncode(d.w.t, &d.head))
	return mustEncode(d.w.t, &wire.B3{Head: d.head, Box: d.first.Seal(plain)})
}

// third plays the draft's run up to where B5 is made.
func (d *draft) third() (*Run, *session.Third) {
	d.w.t.Helper()
	b3, run := d.seal(), d.w.begin()
	b4, _, err := run.Next(d.w.now, b3)
	if err != nil {
		d.w.t.Fatalf("B3: %v (%v)", err, d.w.counts)
	}
	var m wire.B4
	mustDecode(d.w.t, b4, &m)
	second, err := d.first.SecondFrom(d.e, b3, &m.Ct2)
	if err != nil {
		d.w.t.Fatal(err)
	}
	return run, second.Third(b4)
}

func signC1(w *world, by *keys.Signer, l keys.Label, c1 wire.C1) wire.B2 {
	w.t.Helper()
	return wire.B2{Body: c1, Sig: by.Sign(l, mustEncode(w.t, &c1))}
}

// forge makes the B4 that a server makes of a B3, with something changed before it is
// sealed: what the server itself can do to a client.
func (w *world) forge(b3 []byte, change func(*wire.B4Box)) []byte {
	w.t.Helper()
	var m wire.B3
	mustDecode(w.t, b3, &m)
	run := w.begin()
	first, claim, err := run.openB3(&m, mustEncode(w.t, &m.Head.C1))
	if err != nil {
		w.t.Fatal(err)
	}
	second, ct2, err := first.SecondTo(&m.Head.Keys.EPk, b3)
	if err != nil {
		w.t.Fatal(err)
	}
	run.user = claim.User
	box := wire.B4Box{Kind: claim.Kind}
	if claim.Kind == wire.LoginKindPassword {
		if why := run.answerPassword(w.now, &claim.Password.Ke1, second.T2(), &box.Password); why != ReasonAnswered {
			w.t.Fatal(why)
		}
	}
	change(&box)
	return mustEncode(w.t, &wire.B4{Ct2: ct2, Box: second.Seal(mustEncode(w.t, &box))})
}
