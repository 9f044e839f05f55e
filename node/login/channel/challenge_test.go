package channel

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/node/login/puzzle"
	"sotto/wire"
)

// d = 33, k = 0, k = 255, life = 0, issued = 2^64-1: the client does no work. Signed
// by the server itself, so only the values are wrong.
func TestAttack05ClientRefusesImpossibleChallenges(t *testing.T) {
	w := newWorld(t)
	good := wire.C1{Server: w.host.Id(), D: 2, K: 1, IssuedMs: 1, LifeS: 30}
	for name, test := range map[string]struct {
		change func(*wire.C1)
		hard   bool
	}{
		"d 33":           {func(c *wire.C1) { c.D = 33 }, false},
		"k 0":            {func(c *wire.C1) { c.K = 0 }, false},
		"k 129":          {func(c *wire.C1) { c.K = 129 }, false},
		"k 255":          {func(c *wire.C1) { c.K = 255 }, false},
		"life 0":         {func(c *wire.C1) { c.LifeS = 0 }, false},
		"issued 2^64-1":  {func(c *wire.C1) { c.IssuedMs = math.MaxUint64 }, false},
		"d 3, k 5":       {func(c *wire.C1) { c.D, c.K = 3, 5 }, true},
		"d 4":            {func(c *wire.C1) { c.D = 4 }, true},
		"another server": {func(c *wire.C1) { c.Server[0]++ }, false},
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			test.change(&bad)
			b2 := signC1(w, w.host.Signer(), labelC1, bad)
			_, _, err := w.byDevice("Alice", "Alice").Next(failsIfUsed{t}, mustEncode(t, &b2))
			var hard *puzzle.TooHardError
			if errors.As(err, &hard) != test.hard || !test.hard && !errors.Is(err, ErrDrop) {
				t.Errorf("error = %v, too hard = %v wanted", err, test.hard)
			}
		})
	}
}

// failsIfUsed is a context that no solver may look at.
type failsIfUsed struct{ t *testing.T }

func (f failsIfUsed) Deadline() (time.Time, bool) { return time.Time{}, false }
func (f failsIfUsed) Done() <-chan struct{}       { f.t.Error("work was done"); return nil }
func (f failsIfUsed) Err() error                  { f.t.Error("work was done"); return nil }
func (f failsIfUsed) Value(any) any               { return nil }

// "Reply bytes <= request bytes for every message before the address is proven": a first
// message comes in a datagram of 1,200 bytes.
func TestAttack08RepliesAreShorterThanFirstMessages(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		if n := len(w.b2(w.byDevice("Alice", "Alice"))); n > 600 {
			t.Errorf("B2 has %d bytes", n)
		}
	}
}

func TestAttack09FloodOfFirstMessagesSignsOncePerSlot(t *testing.T) {
	w := newWorld(t)
	b1, err := w.byDevice("Alice", "Alice").First()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	from := netip.MustParseAddr("198.51.100.1")
	for i := range 4000 {
		from = from.Next()
		b1[5+i%28]++
		now := testNow.Truncate(puzzle.Slot).Add(time.Duration(i) * time.Millisecond)
		verdict, b2 := w.server.First(now, netip.AddrPortFrom(from, 1), b1)
		if verdict != Retry {
			t.Fatalf("verdict = %d", verdict)
		}
		seen[string(b2)] = true
	}
	if len(seen) != 2 {
		t.Errorf("%d different B2s in two slots, want 2", len(seen))
	}
}

// What nobody has worked for makes nobody else work more.
func TestFloodOfNoSolutionsCostsOthersNothing(t *testing.T) {
	w := newWorld(t)
	wrong := w.b3(w.byDevice("Alice", "Alice"))
	wrong[len(wrong)/2]++ // in ct1 or e_pk, to which the solutions are bound
	b1, err := w.byDevice("Alice", "Alice").First()
	if err != nil {
		t.Fatal(err)
	}
	from := testFrom
	for range 3000 {
		from = netip.AddrPortFrom(from.Addr().Next(), from.Port())
		for _, msg := range [][]byte{wrong, {43}} {
			if _, _, err := w.server.Begin(w.now, from, testConn).Next(w.now, msg); err == nil {
				t.Fatal("a message without a solution was answered")
			}
		}
	}
	_, msg := w.server.First(w.now, netip.MustParseAddrPort("203.0.113.9:1"), b1)
	var b2 wire.B2
	if mustDecode(t, msg, &b2); b2.Body.K != 1 {
		t.Errorf("everybody is asked for %d solutions, want 1", b2.Body.K)
	}
}

// X not solving, or with the bind of another connection or other keys; of 31 and 33 bytes.
func TestAttack12WrongSolutions(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*draft){
		"not solving": func(d *draft) {
			for p, _ := newPuzzle(&d.head.C1.Body, d.conn, &d.head.Keys); p.SolvedBy(d.head.Xs); {
				d.head.Xs[0].Counter[14]++
			}
		},
		"another connection": func(d *draft) { d.conn[0]++; d.solve(); d.conn[0]-- },
		"another key":        func(d *draft) { d.head.Keys.EPk = w.draft().head.Keys.EPk },
		"another secret":     func(d *draft) { d.head.Keys.Ct1 = w.draft().head.Keys.Ct1 },
		"bind of another":    func(d *draft) { d.head.Xs = w.draft().head.Xs },
	} {
		t.Run(name, func(t *testing.T) {
			d := w.draft()
			change(d)
			w.drops(d.seal(), ReasonPuzzle)
		})
	}
	d := w.draft()
	b3 := d.seal()
	x := bytes.Index(b3, mustEncode(t, &d.head.Xs[0]))
	w.drops(slices.Delete(slices.Clone(b3), x+31, x+32), ReasonB3)
	w.drops(slices.Insert(slices.Clone(b3), x+32, 0), ReasonB3)
}

// The same B3 twice, and the same (n1, bind) under a new box.
func TestAttack13And43SameB3Twice(t *testing.T) {
	w := newWorld(t)
	d := w.draft()
	b3 := d.seal()
	if _, _, err := w.begin().Next(w.now, b3); err != nil {
		t.Fatalf("first time: %v (%v)", err, w.counts)
	}
	w.drops(b3, ReasonB3Replayed)
	d.box.User = "bob"
	w.drops(d.seal(), ReasonB3Replayed)
	// After a restart the server has forgotten, but a connection has another name then.
	w.restart()
	run := w.server.Begin(w.now, testFrom, [32]byte{9})
	w.refuses(run, b3, ReasonPuzzle)
}

// A copy of B3 with another box, which comes first, doesn't spoil the login: not for the run
// that it came to, nor for the one that the repeated B3 begins. The work for one solution is
// bounded all the same.
func TestAnotherBoxUnderTheSameB3(t *testing.T) {
	w := newWorld(t)
	c := w.byDevice("Alice", "Alice")
	b3 := w.b3(c)
	garbage := bytes.Clone(b3)
	garbage[len(garbage)-1]++
	run := w.begin()
	w.refuses(run, garbage, ReasonB3Sealed)
	for range maxBoxes - 2 {
		w.drops(garbage, ReasonB3Sealed)
	}
	b4, _, err := w.begin().Next(w.now, b3)
	if err != nil {
		t.Fatalf("the genuine B3: %v (%v)", err, w.counts)
	}
	if _, _, err := c.Next(context.Background(), b4); err != nil {
		t.Errorf("B4: %v", err)
	}
	w.refuses(run, b3, ReasonB3Replayed)

	b3 = w.b3(w.byDevice("Alice", "Alice"))
	garbage = bytes.Clone(b3)
	garbage[len(garbage)-1]++
	for range maxBoxes {
		w.drops(garbage, ReasonB3Sealed)
	}
	w.drops(garbage, ReasonB3Replayed)
	w.drops(b3, ReasonB3Replayed)
}

// Of two that are tried at the same time one is used.
func TestReplaySetUsesOnce(t *testing.T) {
	r := replaySet{life: puzzle.Life}
	bind := [16]byte{1}
	if !r.try(testNow, bind) || !r.try(testNow, bind) {
		t.Fatal("a second box can't be tried")
	}
	if !r.use(testNow, bind) || r.use(testNow, bind) || r.try(testNow, bind) {
		t.Error("it is not used up, or was not to be used")
	}
}

func TestReplaySetForgetsOnlyTheOld(t *testing.T) {
	r := replaySet{life: puzzle.Life}
	bind := func(n int) [16]byte { return [16]byte{byte(n), byte(n >> 8), byte(n >> 16)} }
	for n := range replayRoom {
		if !r.use(testNow, bind(n)) {
			t.Fatalf("%d is not new", n)
		}
	}
	for n := range replayRoom {
		if r.use(testNow.Add(puzzle.Life), bind(n)) {
			t.Fatalf("%d is forgotten", n)
		}
	}
	// The next generation begins; the first one is still known until the third does.
	for n := range replayRoom {
		if !r.use(testNow, bind(replayRoom+n)) || r.use(testNow, bind(n)) {
			t.Fatalf("%d in the second generation", n)
		}
	}
	if !r.use(testNow, bind(2*replayRoom)) || !r.use(testNow, bind(5)) {
		t.Error("full, and nothing is forgotten")
	}
	if len(r.now) > replayRoom || len(r.older) > replayRoom {
		t.Errorf("it holds %d and %d", len(r.now), len(r.older))
	}
	// With time, too, and with a clock that goes back.
	for _, jump := range []time.Duration{2 * puzzle.Life, -24 * time.Hour} {
		r = replaySet{life: puzzle.Life}
		r.use(testNow, bind(1))
		r.use(testNow.Add(jump), bind(2))
		if r.use(testNow.Add(jump), bind(1)) {
			t.Errorf("after %v: forgotten at once", jump)
		}
	}
}

// k-1 solutions, k equal solutions, indexes out of order, one too many.
func TestAttack14WrongNumberOrOrderOfSolutions(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func([]wire.Solution) []wire.Solution{
		"k-1":          func(xs []wire.Solution) []wire.Solution { return xs[:2] },
		"k equal":      func(xs []wire.Solution) []wire.Solution { return []wire.Solution{xs[0], xs[0], xs[0]} },
		"out of order": func(xs []wire.Solution) []wire.Solution { return []wire.Solution{xs[1], xs[0], xs[2]} },
		"k+1":          func(xs []wire.Solution) []wire.Solution { return append(xs, xs[2]) },
	} {
		t.Run(name, func(t *testing.T) {
			d := w.draft()
			c1 := d.head.C1.Body
			c1.K = 3
			d.sign(w.host.Signer(), labelC1, c1)
			d.head.Xs = change(d.head.Xs)
			w.drops(d.seal(), ReasonPuzzle)
		})
	}
}

// c1 too old by 1 ms, from the future, by another key, under another label, of another server.
func TestAttack15ChallengesThatAreNotGood(t *testing.T) {
	w := newWorld(t)
	ms := uint64(w.now.UnixMilli())
	other := hosts()["other"]
	for name, test := range map[string]struct {
		change func(c *wire.C1)
		by     *keys.Host
		label  keys.Label
		want   Reason
	}{
		"expired by 1 ms":   {func(c *wire.C1) { c.IssuedMs = ms - 30_001 }, w.host, labelC1, ReasonC1Age},
		"1 ms from now":     {func(c *wire.C1) { c.IssuedMs = ms + 1 }, w.host, labelC1, ReasonC1Age},
		"issued 2^64-1":     {func(c *wire.C1) { c.IssuedMs = math.MaxUint64 }, w.host, labelC1, ReasonC1Age},
		"by an old key":     {func(c *wire.C1) {}, other, labelC1, ReasonC1},
		"another server":    {func(c *wire.C1) { c.Server = other.Id() }, w.host, labelC1, ReasonC1},
		"under label c1":    {func(c *wire.C1) {}, w.host, "c1", ReasonC1},
		"under device":      {func(c *wire.C1) {}, w.host, labelDeviceLogin, ReasonC1},
		"good to the brink": {func(c *wire.C1) { c.IssuedMs = ms - 30_000 }, w.host, labelC1, ReasonAnswered},
	} {
		t.Run(name, func(t *testing.T) {
			d := w.draft()
			c1 := d.head.C1.Body
			test.change(&c1)
			d.sign(test.by.Signer(), test.label, c1)
			if test.want == ReasonAnswered {
				if _, _, err := w.begin().Next(w.now, d.seal()); err != nil {
					t.Errorf("error = %v, want an answer (%v)", err, w.counts)
				}
				return
			}
			w.drops(d.seal(), test.want)
		})
	}
	// What the signature covers, changed afterwards.
	d := w.draft()
	d.head.C1.Body.K++
	w.drops(d.seal(), ReasonC1)
}

// A challenge with a bad signature, of another server or under another label: no
// work is done and a good one waited for.
func TestAttack16And17ForgedChallengeFirst(t *testing.T) {
	w := newWorld(t)
	other := hosts()["other"]
	c := w.byDevice("Alice", "Alice")
	good := w.b2(c)
	var b2 wire.B2
	mustDecode(t, good, &b2)
	badSig, otherServer := b2, b2
	badSig.Sig[40] ^= 1
	otherServer.Body.Server = other.Id()
	for name, forged := range map[string]wire.B2{
		"bad signature":       badSig,
		"another server":      signC1(w, other.Signer(), labelC1, otherServer.Body),
		"another server's id": signC1(w, w.host.Signer(), labelC1, otherServer.Body),
		"by somebody else":    signC1(w, other.Signer(), labelC1, b2.Body),
		"another label":       signC1(w, w.host.Signer(), "c1", b2.Body),
	} {
		if _, _, err := c.Next(failsIfUsed{t}, mustEncode(t, &forged)); !errors.Is(err, ErrDrop) {
			t.Errorf("%s: error = %v, want ErrDrop", name, err)
		}
	}
	if _, _, err := w.begin().Next(w.now, w.next(c, good)); err != nil {
		t.Errorf("the login failed: %v (%v)", err, w.counts)
	}
}

// A challenge that was answered is not answered again, unless more work is asked for; and
// not for ever.
func TestChallengesAreAnsweredOnce(t *testing.T) {
	w := newWorld(t)
	c := w.byDevice("Alice", "Alice")
	good := w.b2(c)
	w.next(c, good)
	ignores(t, c, "the same challenge again", good)
	var b2 wire.B2
	mustDecode(t, good, &b2)
	for k := uint8(2); k <= maxRounds; k++ {
		b2.Body.K = k
		harder := signC1(w, w.host.Signer(), labelC1, b2.Body)
		w.next(c, mustEncode(t, &harder))
	}
	b2.Body.K = 8
	harder := signC1(w, w.host.Signer(), labelC1, b2.Body)
	ignores(t, c, "one round more than there may be", mustEncode(t, &harder))
}

// Failures of one network make the puzzle of that network harder from B2 on, and
// a B3 that was made before is answered with B2.
func TestFailuresOfANetworkCostItWork(t *testing.T) {
	w := newWorld(t)
	c := w.byDevice("Alice", "Alice")
	b3 := w.b3(c)
	for range 50 {
		w.drops(make([]byte, 600), ReasonB3)
	}
	var b2 wire.B2
	mustDecode(t, w.b2(w.byDevice("Alice", "Alice")), &b2)
	if b2.Body.K < 2 {
		t.Errorf("k = %d after 50 failures, want more work", b2.Body.K)
	}
	run := w.begin()
	again, _, err := run.Next(w.now, b3)
	if err != nil {
		t.Fatal(err)
	}
	b4, _, err := run.Next(w.now, w.next(c, again))
	if err != nil {
		t.Fatal(err)
	}
	b5, mine, err := c.Next(context.Background(), b4)
	if err != nil {
		t.Fatal(err)
	}
	w.ends(run, b5, mine)
	// Who never does more is answered so often and no more.
	d := w.draft()
	c1 := d.head.C1.Body
	run = w.begin()
	for n := range maxRounds {
		c1.K, c1.N1 = 1, [32]byte{byte(n)}
		d.sign(w.host.Signer(), labelC1, c1)
		if n == maxRounds-1 {
			w.refuses(run, d.seal(), ReasonMoreWork)
		} else if _, _, err := run.Next(w.now, d.seal()); err != nil {
			t.Fatal(err)
		}
	}
}

// Attack 68: the server's clock goes a day ahead and back. Nobody is locked out for
// good, and nothing that has expired is taken.
func TestAttack68ServerClockJumps(t *testing.T) {
	w := newWorld(t)
	stale := w.draft().seal()
	for _, jump := range []time.Duration{24 * time.Hour, -24 * time.Hour, -24 * time.Hour, 24 * time.Hour} {
		w.now = w.now.Add(jump)
		w.login(w.byDevice("Alice", "Alice"))
		if !w.now.Equal(testNow) {
			w.drops(stale, ReasonC1Age)
		}
	}
}
