package second

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

const (
	alice    = "Alice"
	password = "correct horse"
)

// learn asks the server for its key.
func (h *house) learn() serverKey {
	h.t.Helper()
	all, err := history(h.link())
	if err != nil {
		h.t.Fatal(err)
	}
	key, err := follow(all, h.pin)
	if err != nil {
		h.t.Fatal(err)
	}
	return key
}

func (h *house) enter(l *login) *outcome {
	h.t.Helper()
	o, err := l.dial(h.link())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { o.close() })
	return o
}

func (o *outcome) want(t *testing.T, scope byte) {
	t.Helper()
	if o.scope != scope {
		t.Errorf("got scope %d, want %d", o.scope, scope)
	}
}

func newDevice() *device   { return &device{newPair(random(64))} }
func newAccount() *account { return &account{newPair(random(64))} }

// A password makes a device known, and from then on the device logs in.
func TestPasswordThenDevice(t *testing.T) {
	h := newHouse(t, map[string]string{alice: password})
	l := &login{server: h.learn(), user: alice, kind: byPassword, password: password, device: newDevice()}

	first := h.enter(l)
	first.want(t, scopeEnrol)
	head, err := first.publish(l)
	if err != nil {
		t.Fatal(err)
	}
	if head.leaves != first.head.leaves+1 {
		t.Errorf("got %d leaves, want %d", head.leaves, first.head.leaves+1)
	}
	last, whole, err := first.log(l.server)
	if err != nil {
		t.Fatal(err)
	}
	if got := last["alice"]; got.n != 2 || len(got.devices) != 1 {
		t.Errorf("got entry %d of Alice with %d devices, want the second with one", got.n, len(got.devices))
	}

	l.kind, l.known = byDevice, whole
	h.enter(l).want(t, scopeFull)

	l.kind = byPassword
	h.enter(l).want(t, scopeFull)
}

// The password is changed, and then the account's keys are replaced; the device goes on.
func TestPasswordAndKeysAreChanged(t *testing.T) {
	h := newHouse(t, map[string]string{alice: password})
	l := &login{server: h.learn(), user: alice, kind: byPassword, password: password, device: newDevice()}
	o := h.enter(l)
	if _, err := o.publish(l); err != nil {
		t.Fatal(err)
	}
	if err := o.changePassword(l, "another"); err != nil {
		t.Fatal(err)
	}
	if err := o.changePassword(l, "a third"); err == nil {
		t.Error("a session of the former password has changed it")
	}
	l.password = "another"
	o = h.enter(l)
	o.want(t, scopeFull)
	next := newAccount()
	if _, err := o.rotate(l, "another", next); err != nil {
		t.Fatal(err)
	}
	o = h.enter(l)
	o.want(t, scopeFull)
	if !bytes.Equal(o.account.public(), next.public()) {
		t.Error("the password opens other keys")
	}
	last, _, err := o.log(l.server)
	if err != nil {
		t.Fatal(err)
	}
	if got := last["alice"]; got.n != 3 || len(got.devices) != 1 || !bytes.Equal(got.account, next.public()) {
		t.Errorf("got entry %d of Alice with %d devices", got.n, len(got.devices))
	}
	l.kind = byDevice
	h.enter(l).want(t, scopeFull)
}

// An invitation makes an account, whose password the server never sees.
func TestInvitation(t *testing.T) {
	h := newHouse(t, map[string]string{alice: password})
	key := h.learn()
	guest := &login{server: key, kind: anonymous, invitation: h.invite()}
	o := h.enter(guest)
	o.want(t, scopeRegister)
	d := newDevice()
	head, err := o.register(guest, "Dora", "her own", newAccount(), d)
	if err != nil {
		t.Fatal(err)
	}

	l := &login{server: key, user: "Dora", kind: byDevice, device: d, known: head}
	o = h.enter(l)
	o.want(t, scopeFull)
	s, err := o.ask(askInvite, nil)
	if err != nil {
		t.Fatal(err)
	}
	next := &login{server: key, kind: anonymous, invitation: *s}
	h.enter(next).want(t, scopeRegister)

	l.kind, l.password = byPassword, "her own"
	h.enter(l).want(t, scopeFull)
}

// A wrong password and a user who doesn't exist look alike.
func TestWrongPassword(t *testing.T) {
	h := newHouse(t, map[string]string{alice: password})
	key := h.learn()
	for _, name := range []string{alice, "Nobody"} {
		l := &login{server: key, user: name, kind: byPassword, password: "a guess", device: newDevice()}
		if _, err := l.dial(h.link()); !errors.Is(err, errPassword) {
			t.Errorf("%s: got %v, want %v", name, err, errPassword)
		}
	}
}

// After many guesses the server asks for more work, in the middle of a run.
func TestMoreWork(t *testing.T) {
	h := newHouse(t, map[string]string{alice: password})
	l := &login{server: h.learn(), user: alice, kind: byPassword, password: password, device: newDevice()}
	for range 12 {
		r, b2, err := l.begin(h.link())
		if err == nil {
			_, err = r.claim(b2)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	r, b2, err := l.begin(h.link())
	if err != nil {
		t.Fatal(err)
	}
	b4, err := r.claim(b2)
	if err != nil {
		t.Fatal(err)
	}
	if r.step != 4 {
		t.Fatalf("got B4 after step %d, want another B2 in between", r.step)
	}
	o, err := r.finish(b4)
	if err != nil {
		t.Fatal(err)
	}
	o.want(t, scopeEnrol)
	if err := o.close(); err != nil {
		t.Fatal(err)
	}
}

// One client dials another whom the server has introduced it to.
func TestCall(t *testing.T) {
	d, intro, key := newDevice(), random(16), random(32)
	bob := newCallee(t, newHost().key(), "Bob", alice, d.public(), intro, key)
	type answer struct {
		user   string
		device []byte
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		user, device, err := bob.answer()
		answered <- answer{user, device, err}
	}()
	s, err := newCall(dialLink(t, bob.addr), alice, d, "Bob", bob.deviceKeys(), intro, key).dial()
	if err != nil {
		t.Fatal(err)
	}
	said := []byte("it is me")
	id, err := s.write(frame(said), true)
	if err != nil {
		t.Fatal(err)
	}
	heard, err := s.frame(id)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(heard, said) {
		t.Errorf("got %q, want %q", heard, said)
	}
	if a := <-answered; a.err != nil || a.user != alice || !bytes.Equal(a.device, d.id()) {
		t.Errorf("Bob was called by %q with the device %x (%v), want %q with %x", a.user, a.device, a.err, alice, d.id())
	}
}

// A lossyLink loses every sixth datagram or so, in both directions.
type lossyLink struct {
	link
	dice *rand.Rand
}

func lossy(l link) *lossyLink { return &lossyLink{l, rand.New(rand.NewPCG(1, 2))} }

func (l *lossyLink) lost() bool { return l.dice.IntN(6) == 0 }

func (l *lossyLink) send(datagram []byte) error {
	if l.lost() {
		return nil
	}
	return l.link.send(datagram)
}

func (l *lossyLink) receive() ([]byte, error) {
	for {
		datagram, err := l.link.receive()
		if datagram == nil || err != nil || !l.lost() {
			return datagram, err
		}
	}
}

// What is lost comes again: all steps, and all that the session says.
func TestLoss(t *testing.T) {
	h := newHouse(t, map[string]string{alice: password})
	key := h.learn()
	l := &login{server: key, user: alice, kind: byPassword, password: password, device: newDevice()}
	o, err := l.dial(lossy(h.link()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.publish(l); err != nil {
		t.Fatal(err)
	}

	second := newHost()
	c := newCaller(t, second.key(), alice)
	if err := second.add(alice, password, c.deviceKeys()); err != nil {
		t.Fatal(err)
	}
	at := newHostLink(t)
	if _, _, err := second.meet(t, c, at, lossy(at), false); err != nil {
		t.Error(err)
	}
}

// The other way round: our client logs in at a server that was written from the document.
func TestHost(t *testing.T) {
	h := newHost()
	c := newCaller(t, h.key(), alice)
	if err := h.add(alice, password, nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		name     string
		password string
		device   []byte
		more     bool
		scope    byte
	}{
		{name: "password", password: password, scope: scopeEnrol},
		{name: "password of a known device", password: password, device: c.deviceKeys(), scope: scopeFull},
		{name: "device", device: c.deviceKeys(), scope: scopeFull},
		{name: "more work", device: c.deviceKeys(), more: true, scope: scopeFull},
	} {
		t.Run(s.name, func(t *testing.T) {
			u := h.users["alice"]
			u.devices = nil
			if s.device != nil {
				u.devices = [][]byte{s.device}
			}
			c.password = nil
			if s.password != "" {
				c.password = []byte(s.password)
			}
			l := newHostLink(t)
			scope, account, err := h.meet(t, c, l, l, s.more)
			if err != nil {
				t.Fatal(err)
			}
			if scope != s.scope {
				t.Errorf("got scope %d, want %d", scope, s.scope)
			}
			if account != nil && !bytes.Equal(account, u.account) {
				t.Error("the password has brought other keys to light than the account's")
			}
		})
	}
}

// To our client, a user who doesn't exist is a wrong password.
func TestHostWithoutUsers(t *testing.T) {
	h := newHost()
	c := newCaller(t, h.key(), alice)
	c.password = []byte(password)
	l := newHostLink(t)
	if _, _, err := h.meet(t, c, l, l, false); !errors.Is(err, errOtherPassword) {
		t.Errorf("got %v, want %v", err, errOtherPassword)
	}
}

// meet lets a client log in at a host.
func (h *host) meet(t *testing.T, c *caller, l *hostLink, over link, more bool) (scope byte, account []byte, err error) {
	t.Helper()
	served := make(chan error, 1)
	go func() {
		s, err := h.serve(over, more)
		served <- err
		for err == nil {
			_, err = s.pump() // until the client or the socket is gone
		}
	}()
	if scope, account, err = c.call(l.LocalAddr()); err == nil {
		err = <-served
	}
	return scope, account, err
}
