package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"sotto/node/chat"
	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/wire"
)

// newPassword plays a registration over a session up to the last request, and returns
// that.
func (v *visitor) newPassword(p *person, password string, account *keys.Account) (*wire.PasswordFinish, error) {
	v.t.Helper()
	start, request, err := channel.StartRegistration(rand.Reader, testHost().Realm(), p.name, []byte(password))
	if err != nil {
		v.t.Fatal(err)
	}
	reply, err := v.ask(&wire.Request{Type: wire.RequestTypePasswordStart, PasswordStart: wire.PasswordStart{Request: request.BlindedMessage}})
	if err != nil {
		return nil, err
	}
	var response wire.OpaqueResponse
	if err := response.UnmarshalBinary(reply.PasswordStart.Response[:]); err != nil {
		v.t.Fatal(err)
	}
	record, wrapped, err := start.Finish(rand.Reader, &response, account, keys.WeakForTests)
	if err != nil {
		v.t.Fatal(err)
	}
	b, err := record.MarshalBinary()
	if err != nil {
		v.t.Fatal(err)
	}
	return &wire.PasswordFinish{Record: [192]byte(b), Wrapped: *wrapped}, nil
}

func (v *visitor) finishPassword(f *wire.PasswordFinish) error {
	v.t.Helper()
	_, err := v.ask(&wire.Request{Type: wire.RequestTypePasswordFinish, PasswordFinish: *f})
	return err
}

func (v *visitor) rotate(r *wire.Rotate) error {
	v.t.Helper()
	_, err := v.ask(&wire.Request{Type: wire.RequestTypeRotate, Rotate: *r})
	return err
}

// passwordLogin is a login of a person's device with some password.
func (d *defaultWorld) passwordLogin(p *person, device *keys.Device, password string) *defaultLogin {
	return d.as(channel.ClientConfig{User: p.name, Password: []byte(password), Device: device})
}

// Only who has just proved the password changes it: a device alone may have been
// stolen.
func TestPasswordNeedsThePassword(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	alice := d.person("Alice")
	v, _ := w.withPassword(alice, alice.device)
	finish, err := v.newPassword(alice, "another", alice.account)
	if err != nil {
		t.Fatal(err)
	}
	next := d.draw("Alice").account
	e, err := alice.last.Rotate(alice.account.Signer, next, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	rotate := &wire.Rotate{Record: finish.Record, Wrapped: finish.Wrapped, Entry: *e.Signed()}

	device := w.enter("Alice", 0)
	_, err = device.newPassword(alice, "another", alice.account)
	refused(t, "a device asks for an answer", err, wire.RefusedCodeNotAllowed)
	refused(t, "a device changes the password", device.finishPassword(finish), wire.RefusedCodeNotAllowed)
	refused(t, "a device rotates the account", device.rotate(rotate), wire.RefusedCodeNotAllowed)
	stranger, _ := w.withPassword(alice, d.drawDevice("Alice", alice.account))
	refused(t, "a device that nobody knows", stranger.finishPassword(finish), wire.RefusedCodeNotAllowed)
	bob := d.person("Bob")
	other, _ := w.withPassword(bob, bob.device)
	refused(t, "another user's entry", other.rotate(rotate), wire.RefusedCodeConflict)

	w.withPassword(alice, alice.device) // the password is as it was
}

// The new password counts at once and after a restart, and the old one no more.
func TestPasswordIsChanged(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	alice := d.person("Alice")
	v, _ := w.withPassword(alice, alice.device)
	finish, err := v.newPassword(alice, "another", alice.account)
	if err != nil {
		t.Fatal(err)
	}
	bad := *finish
	bad.Record = [192]byte{}
	refused(t, "a record that is none", v.finishPassword(&bad), wire.RefusedCodeMalformed)
	for range 2 { // the second time by a client who doesn't know the outcome
		if err := v.finishPassword(finish); err != nil {
			t.Fatal(err)
		}
	}
	if got := v.leaves(0); len(got.Leaves) != 2 {
		t.Errorf("the log has %d leaves, want 2 as before", len(got.Leaves))
	}
	for _, how := range []string{"at once", "after a restart"} {
		if _, err := w.dial("Alice", d.passwordLogin(alice, alice.device, "Alice")); !errors.Is(err, channel.ErrPassword) {
			t.Errorf("%s the old one: %v, want ErrPassword", how, err)
		}
		l := d.passwordLogin(alice, alice.device, "another")
		w.visit("Alice", l)
		if l.Account().Id() != alice.account.Id() {
			t.Errorf("%s the new one opens other keys", how)
		}
		w.visit("Alice", d.login(w, "Alice"))
		w.killed()
	}
}

// Who knows a former password gets the account back by no session that he has kept
// from then, neither with another password nor with another device.
func TestFormerPasswordIsOfNoUse(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	alice := d.person("Alice")
	device := d.drawDevice("Alice", alice.account)
	enrol := w.visit("a thief", d.passwordLogin(alice, device, "Alice"))
	another := w.visit("the same", d.passwordLogin(alice, d.drawDevice("Alice", alice.account), "Alice"))

	v, _ := w.withPassword(alice, alice.device)
	back, err := v.newPassword(alice, "Alice", alice.account)
	if err != nil {
		t.Fatal(err)
	}
	finish, err := v.newPassword(alice, "another", alice.account)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.finishPassword(finish); err != nil {
		t.Fatal(err)
	}
	_, err = enrol.publish(alice.addDevice(t, device))
	refused(t, "a device by the former password", err, wire.RefusedCodeNotAllowed)
	refused(t, "the former password by the former session", v.finishPassword(back), wire.RefusedCodeNotAllowed)
	refused(t, "by another", another.finishPassword(back), wire.RefusedCodeNotAllowed)
	_, err = v.newPassword(alice, "a third", alice.account)
	refused(t, "another answer", err, wire.RefusedCodeNotAllowed)
	w.visit("Alice", d.passwordLogin(alice, alice.device, "another"))
}

// The keys and the password change both or neither, and the old keys sign nothing
// more.
func TestAccountIsRotated(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	alice, bob := d.person("Alice"), w.enter("Bob", 0)
	v, _ := w.withPassword(alice, alice.device)
	next := d.draw("Alice").account
	finish, err := v.newPassword(alice, "Alice", next)
	if err != nil {
		t.Fatal(err)
	}
	e, err := alice.last.Rotate(alice.account.Signer, next, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	good := &wire.Rotate{Record: finish.Record, Wrapped: finish.Wrapped, Entry: *e.Signed()}
	for what, entry := range map[string]wire.SignedEntry{
		"without the old key's signature":  func() wire.SignedEntry { s := *e.Signed(); s.SigOld = wire.EdSignature{}; return s }(),
		"an entry that only adds a device": *alice.addDevice(t, d.drawDevice("Alice", alice.account)).Signed(),
	} {
		bad := *good
		bad.Entry = entry
		refused(t, what, v.rotate(&bad), wire.RefusedCodeConflict)
	}
	_, err = v.publish(e)
	refused(t, "without what the password unlocks", err, wire.RefusedCodeNotAllowed)
	w.withPassword(alice, alice.device) // which still unlocks the old keys

	v, _ = w.withPassword(alice, alice.device)
	for range 2 {
		if err := v.rotate(good); err != nil {
			t.Fatal(err)
		}
	}
	if head := bob.next(wire.PushTypeTree).Tree.Head; head.Leaves != 3 {
		t.Errorf("Bob was told of %d leaves, want 3", head.Leaves)
	}
	_, err = v.publish(alice.addDevice(t, d.drawDevice("Alice", alice.account)))
	refused(t, "an entry by the old keys", err, wire.RefusedCodeConflict)
	for range 2 {
		l := d.passwordLogin(alice, alice.device, "Alice")
		v = w.visit("Alice", l)
		if l.Account().Id() != next.Id() {
			t.Error("the password does not open the new keys")
		}
		w.visit("Alice", d.login(w, "Alice"))
		w.killed()
	}
	alice.account, alice.last = next, e
	device := d.drawDevice("Alice", next)
	v, _ = w.withPassword(alice, device)
	if _, err := v.publish(alice.addDevice(t, device)); err != nil {
		t.Errorf("an entry by the new keys: %v", err)
	}
}

// An entry is an entry: who logs in again for each makes the log no longer by it.
func TestRotationsAreFew(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{Publishes: Rate{PerSecond: 1e-6, Burst: 2}})
	alice := d.person("Alice")
	v, _ := w.withPassword(alice, alice.device)
	next := d.draw("Alice").account
	finish, err := v.newPassword(alice, "Alice", next)
	if err != nil {
		t.Fatal(err)
	}
	e, err := alice.last.Rotate(alice.account.Signer, next, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	rotate := &wire.Rotate{Record: finish.Record, Wrapped: finish.Wrapped, Entry: *e.Signed()}
	if err := v.rotate(rotate); err != nil {
		t.Fatal(err)
	}
	v = w.visit("Alice", d.passwordLogin(alice, alice.device, "Alice"))
	if e, err = e.Rotate(next.Signer, alice.account, time.Now()); err != nil {
		t.Fatal(err)
	}
	rotate.Entry = *e.Signed()
	refused(t, "one rotation too many", v.rotate(rotate), wire.RefusedCodeRateLimited)
}

// The answers that a session collects count as guesses: whoever knows a password could
// try the next one with them.
func TestPasswordAnswersAreGuesses(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{Publishes: Rate{PerSecond: 1, Burst: 1000}})
	alice := d.person("Alice")
	v, _ := w.withPassword(alice, alice.device)
	answered := 0
	var err error
	for answered < 1000 && err == nil {
		if _, err = v.newPassword(alice, fmt.Sprint("guess ", answered), alice.account); err == nil {
			answered++
		}
	}
	refused(t, fmt.Sprintf("after %d answers", answered), err, wire.RefusedCodeRateLimited)
	if r := (*chat.Refusal)(nil); answered < 10 || answered > 100 || !errors.As(err, &r) || r.Retry == 0 {
		t.Errorf("%d answers, then %v", answered, err)
	}
	w.visit("Alice", d.login(w, "Alice"))
}
