package classic

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"math"
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
	good := wire.C1{Server: w.id.Public().Id(), D: 2, K: 1, IssuedMs: 1, LifeS: 30}
	for name, test := range map[string]struct {
		change func(*wire.C1)
		hard   bool
	}{
		"d 33":           {func(c *wire.C1) { c.D = 33 }, false},
		"d 255":          {func(c *wire.C1) { c.D = 255 }, false},
		"k 0":            {func(c *wire.C1) { c.K = 0 }, false},
		"k 129":          {func(c *wire.C1) { c.K = 129 }, false},
		"k 255":          {func(c *wire.C1) { c.K = 255 }, false},
		"life 0":         {func(c *wire.C1) { c.LifeS = 0 }, false},
		"issued 2^64-1":  {func(c *wire.C1) { c.IssuedMs = math.MaxUint64 }, false},
		"d 3, k 5":       {func(c *wire.C1) { c.D, c.K = 3, 5 }, true},
		"d 4":            {func(c *wire.C1) { c.D = 4 }, true},
		"d 32, k 128":    {func(c *wire.C1) { c.D, c.K = 32, 128 }, true},
		"another server": {func(c *wire.C1) { c.Server[0]++ }, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.client("Alice", "Alice")
			if _, err := c.First(); err != nil {
				t.Fatal(err)
			}
			bad := good
			test.change(&bad)
			m2 := signC1(t, w.id, labelC1, bad)
			_, _, err := c.Next(failsIfUsed{t}, mustEncode(t, &m2))
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

// X not solving, solving d-1 only, or with the bind of another user, connection, nonce or key.
func TestAttack12WrongSolutions(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*draft){
		"not solving": func(d *draft) {
			for d.puzzle(w).SolvedBy(d.Xs) {
				d.Xs[0].Counter[14]++
			}
		},
		"solving d-1": func(d *draft) {
			for {
				easier := d.C1.Body
				easier.D--
				d.Xs, _ = d.puzzleOf(w, &easier).Solve(context.Background())
				if !d.puzzle(w).SolvedBy(d.Xs) {
					return
				}
				d.ReplyKey[0]++
			}
		},
		"another user":       func(d *draft) { d.User = "Bob" },
		"another spelling":   func(d *draft) { d.User = "ALICE" },
		"another nonce":      func(d *draft) { d.ClientNonce[0]++ },
		"another reply key":  func(d *draft) { d.ReplyKey[31]++ },
		"another connection": func(d *draft) { d.conn[0]++; d.solve(w) },
	} {
		t.Run(name, func(t *testing.T) {
			d := w.draft()
			change(d)
			w.drops(d.seal(w), ReasonPuzzle)
		})
	}
}

// Solutions of 31 and 33 bytes.
func TestAttack12SolutionsOfTheWrongLength(t *testing.T) {
	w := newWorld(t)
	d := w.draft()
	plain := mustEncode(t, &d.M3)
	x := bytes.Index(plain, mustEncode(t, &d.Xs[0]))
	for name, b := range map[string][]byte{
		"31 bytes": slices.Delete(slices.Clone(plain), x+31, x+32),
		"33 bytes": slices.Insert(slices.Clone(plain), x+32, 0),
	} {
		sealed, err := w.id.Public().Seal(rand.Reader, labelM3, b)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(name)
		w.drops(mustEncode(t, sealed), ReasonM3Sealed)
	}
}

// What is no name is no message 3, however well it is sealed and its puzzle solved.
func TestAttack04Names(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"\x00", "a/b", "..", "a b", "\u202ealice", "\u0430lice", "-\n-"} {
		d := w.draft()
		d.User = name
		d.solve(w)
		w.drops(d.seal(w), ReasonM3Sealed)
	}
	d := w.draft()
	d.User = "xxxxx"
	d.solve(w)
	plain := mustEncode(t, &d.M3)
	for name, user := range map[string]string{"empty": "\x00", "invalid UTF-8": "\x05xx\xffxx", "longer than the message": "\xffxxxxx"} {
		sealed, err := w.id.Public().Seal(rand.Reader, labelM3, append([]byte{plain[0]}, append([]byte(user), plain[7:]...)...))
		if err != nil {
			t.Fatal(err)
		}
		t.Log(name)
		w.drops(mustEncode(t, sealed), ReasonM3Sealed)
	}
}

// The same message 3 twice, and the same (n1, bind) under a new seal. "Replay state
// must survive a restart."
func TestAttack13SameM3Twice(t *testing.T) {
	w := newWorld(t)
	d := w.draft()
	m3 := d.seal(w)
	if _, _, err := w.begin().Next(w.now, m3); err != nil {
		t.Fatalf("first time: %v (%v)", err, w.counts)
	}
	w.drops(m3, ReasonM3Replayed)
	w.drops(d.seal(w), ReasonM3Replayed)
	w.restart()
	w.drops(m3, ReasonM3Replayed)
	w.drops(d.seal(w), ReasonM3Replayed)
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
			c1 := d.c1
			c1.K = 3
			d.sign(w, w.id, labelC1, c1)
			d.Xs = change(d.Xs)
			w.drops(d.seal(w), ReasonPuzzle)
		})
	}
}

// c1 too old by 1 ms, from the future, by another key, under another label, of another server.
func TestAttack15ChallengesThatAreNotGood(t *testing.T) {
	w := newWorld(t)
	ms := uint64(w.now.UnixMilli())
	for name, test := range map[string]struct {
		issued uint64
		by     string
		label  keys.Label
		want   Reason
	}{
		"expired by 1 ms":   {ms - 30_001, "server", labelC1, ReasonC1Age},
		"1 ms from now":     {ms + 1, "server", labelC1, ReasonC1Age},
		"issued 2^64-1":     {math.MaxUint64, "server", labelC1, ReasonC1Age},
		"by an old key":     {ms, "eve", labelC1, ReasonC1},
		"under label c2":    {ms, "server", labelC2, ReasonC1},
		"under label m4":    {ms, "server", labelM4, ReasonC1},
		"good to the brink": {ms - 30_000, "server", labelC1, ReasonCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			d := w.draft()
			c1 := d.c1
			c1.IssuedMs = test.issued
			m3 := d.sign(w, testKeys()[test.by], test.label, c1).seal(w)
			if test.want == ReasonCredentials {
				if _, _, err := w.begin().Next(w.now, m3); err != nil {
					t.Errorf("error = %v, want credentials (%v)", err, w.counts)
				}
				return
			}
			w.drops(m3, test.want)
		})
	}
}

// A challenge with a bad signature, of another server or under another label: no
// work is done and a good one waited for.
func TestAttack16And17ForgedChallengeFirst(t *testing.T) {
	w := newWorld(t)
	c := w.client("Alice", "Alice")
	good := w.m2(c)
	var m2 wire.M2
	if err := m2.UnmarshalBinary(good); err != nil {
		t.Fatal(err)
	}
	badSig, otherServer := m2, m2
	badSig.Sig[100] ^= 1
	otherServer.Body.Server = testKeys()["eve"].Public().Id()
	for name, forged := range map[string]wire.M2{
		"bad signature":       badSig,
		"another server":      signC1(t, testKeys()["eve"], labelC1, otherServer.Body),
		"another server's id": signC1(t, w.id, labelC1, otherServer.Body),
		"by somebody else":    signC1(t, testKeys()["eve"], labelC1, m2.Body),
		"another label":       signC1(t, w.id, labelC2, m2.Body),
	} {
		_, _, err := c.Next(failsIfUsed{t}, mustEncode(t, &forged))
		if !errors.Is(err, ErrDrop) {
			t.Errorf("%s: error = %v, want ErrDrop", name, err)
		}
	}
	m3, _, err := c.Next(context.Background(), good)
	if err != nil {
		t.Fatalf("after the forged ones: %v", err)
	}
	if _, _, err := w.begin().Next(w.now, m3); err != nil {
		t.Errorf("the login failed: %v (%v)", err, w.counts)
	}
}

// Attack 68: the server's clock goes a day ahead and back. Nobody is locked out for
// good, and nothing that has expired is taken.
func TestAttack68ServerClockJumps(t *testing.T) {
	w := newWorld(t)
	stale := w.draft().seal(w)
	for _, jump := range []time.Duration{24 * time.Hour, -24 * time.Hour, -24 * time.Hour, 24 * time.Hour} {
		w.now = w.now.Add(jump)
		w.toM4(w.client("Alice", "Alice"))
		if !w.now.Equal(testNow) {
			w.drops(stale, ReasonC1Age)
		}
	}
}
