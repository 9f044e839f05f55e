package server

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sotto/node/chat"
	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/wire"
)

// withPassword logs a user in by his password with a device that the log may or
// may not show, and returns the account's keys that the password has opened.
func (w *world) withPassword(p *person, device *keys.Device) (*visitor, *keys.Account) {
	w.t.Helper()
	l := w.tier.(*defaultWorld).as(channel.ClientConfig{User: p.name, Password: []byte(p.name), Device: device})
	v := w.visit(p.name, l)
	if l.Account().Id() != p.account.Id() {
		w.t.Fatalf("the password of %s opened other keys", p.name)
	}
	return v, l.Account()
}

// addDevice makes the next entry of a person with one device more.
func (p *person) addDevice(t testing.TB, d *keys.Device) *directory.Entry {
	t.Helper()
	e, err := p.last.AddDevice(p.account.Signer, shown(d), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// noPush wants nothing to be pushed until now: what a request after it is answered
// with would have been pushed before.
func (v *visitor) noPush() {
	v.t.Helper()
	select {
	case p := <-v.pushes:
		v.t.Errorf("%s was told %v", v.name, p)
	default:
	}
}

// A device is made known with the password: before that the session sees nothing
// and is seen by nobody, after that it goes on as the user's.
func TestEnrolment(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	bob := w.enter("Bob", 0)
	alice := d.person("Alice")
	bob.mustSend("Alice", 1, "are you there", wire.SendStateQueued)
	device := d.drawDevice("Alice", alice.account)
	v, _ := w.withPassword(alice, device)
	if got := v.b6(); got.Scope != wire.SessionScopeEnrol || got.Head.Leaves != 2 {
		t.Fatalf("B6 says scope %v and %d leaves, want enrol and 2", got.Scope, got.Head.Leaves)
	}
	if got, want := bob.online(), "Alice- Bob+"; got != want {
		t.Errorf("list shows %q, want %q", got, want)
	}

	another := alice.addDevice(t, d.drawDevice("Alice", alice.account))
	_, err := v.publish(another)
	refused(t, "an entry with another device than the login's", err, wire.RefusedCodeNotAllowed)
	_, err = v.publish(d.person("Bob").addDevice(t, device))
	refused(t, "another user's entry", err, wire.RefusedCodeNotAllowed)
	v.noPush()

	head, err := v.publish(alice.addDevice(t, device))
	if err != nil {
		t.Fatal(err)
	}
	if checkHead(t, &head); head.Leaves != 3 {
		t.Errorf("head of %d leaves, want 3", head.Leaves)
	}
	v.ack(v.delivered("are you there"))
	if p := bob.next(wire.PushTypeTree); p.Tree.Head != head {
		t.Errorf("Bob was told of a head of %d leaves, want the new one", p.Tree.Head.Leaves)
	}
	if p := bob.next(wire.PushTypePresence); p.Presence.Name != "Alice" || p.Presence.Online != wire.OnlineOnline {
		t.Errorf("Bob was told %v, want that Alice is online", p)
	}
	v.mustSend("Bob", 1, "now I am", wire.SendStateSent)

	// From now on the device is enough; the password with it is as good.
	v.leave()
	v = w.visit("Alice", d.as(channel.ClientConfig{User: "alice", Device: device}))
	if got := v.b6().Scope; got != wire.SessionScopeFull {
		t.Errorf("a login with the device has scope %v, want full", got)
	}
	v, _ = w.withPassword(alice, device)
	if got := v.b6().Scope; got != wire.SessionScopeFull {
		t.Errorf("a login with the password and the device has scope %v, want full", got)
	}
}

// What each scope allows: a session that only makes something known may ask for
// nothing else.
func TestScopes(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	alice := d.person("Alice")
	full := w.enter("Bob", 0)
	enrol, _ := w.withPassword(alice, d.drawDevice("Alice", alice.account))
	register := w.visit("somebody", d.invited(t))
	if got := register.b6().Scope; got != wire.SessionScopeRegister {
		t.Fatalf("scope %v with an invitation, want register", got)
	}
	requests := map[wire.RequestType]wire.Request{
		wire.RequestTypeLocate:         {Locate: wire.LocateRequest{Name: "Bob"}},
		wire.RequestTypeSend:           {Send: wire.SendRequest{To: "Bob", Envelope: []byte("text")}},
		wire.RequestTypePublish:        {Publish: wire.PublishRequest{Entry: *alice.last.Signed()}},
		wire.RequestTypeRegisterStart:  {RegisterStart: wire.RegisterStart{User: "Carol"}},
		wire.RequestTypeRegisterFinish: {RegisterFinish: wire.RegisterFinish{Entry: *d.draw("Carol").last.Signed()}},
	}
	for _, kind := range []wire.RequestType{
		wire.RequestTypeList, wire.RequestTypeLocate, wire.RequestTypeSend, wire.RequestTypeLeaves, wire.RequestTypePublish,
		wire.RequestTypeInvite, wire.RequestTypeRegisterStart, wire.RequestTypeRegisterFinish, wire.RequestTypeLogout,
	} {
		for v, mayNot := range map[*visitor]bool{
			full:     kind >= wire.RequestTypeRegisterStart || kind == wire.RequestTypePublish, // it is Alice's entry
			enrol:    kind != wire.RequestTypeLeaves,                                           // the entry does not show the device
			register: kind != wire.RequestTypeLeaves && kind != wire.RequestTypeRegisterStart && kind != wire.RequestTypeRegisterFinish,
		} {
			req := requests[kind]
			req.Type = kind
			_, err := v.ask(&req)
			if mayNot {
				refused(t, v.name+" asks for "+kind.String(), err, wire.RefusedCodeNotAllowed)
			} else if r := (*chat.Refusal)(nil); errors.As(err, &r) && r.Code == wire.RefusedCodeNotAllowed {
				t.Errorf("%s asks for %v: %v", v.name, kind, err)
			}
		}
	}
}

// Attack 55 at the server: what does not follow is not entered, and nobody is told.
func TestAttack55PublishOutOfOrder(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	alice := d.person("Alice")
	v := w.enter("Alice", 0)
	first := alice.addDevice(t, d.drawDevice("Alice", alice.account))
	second := alice.addDevice(t, d.drawDevice("Alice", alice.account)) // follows the same one
	head, err := v.publish(first)
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.publish(second)
	refused(t, "an entry that was overtaken", err, wire.RefusedCodeConflict)
	if again, err := v.publish(first); err != nil || again != head {
		t.Errorf("the same entry again: head of %d leaves, error %v, want the same head", again.Leaves, err)
	}

	// Only the operator of the server may say that an account begins anew.
	reset, err := first.Reset(d.draw("Alice").account, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.publish(reset)
	refused(t, "a reset", err, wire.RefusedCodeNotAllowed)
	_, err = v.publish(alice.last)
	refused(t, "the first entry", err, wire.RefusedCodeNotAllowed)
	if got := v.leaves(0); got.Head != head || len(got.Leaves) != 3 {
		t.Errorf("the log has %d leaves, want 3 as before", got.Head.Leaves)
	}
}

// Who comes back is shown that the log has only grown since he knew it.
func TestLogGrowsBetweenLogins(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{}, "Charlie")
	before := w.enter("Alice", 0).b6()
	checkHead(t, &before.Head)
	bob := d.person("Bob")
	v := w.enter("Bob", 0)
	if _, err := v.publish(bob.addDevice(t, d.drawDevice("Bob", bob.account))); err != nil {
		t.Fatal(err)
	}
	for _, known := range []uint64{0, 1, 2, 3, 4, 5, 1 << 50} {
		v := w.visit("Alice", d.as(channel.ClientConfig{User: "Alice", Device: d.person("Alice").device, TreeSize: known}))
		b6 := v.b6()
		if checkHead(t, &b6.Head); b6.Head.Leaves != 4 {
			t.Fatalf("head of %d leaves, want 4", b6.Head.Leaves)
		}
		if known == before.Head.Leaves {
			if err := directory.CheckTree(&b6.Proof, known, before.Head.Root, b6.Head.Leaves, b6.Head.Root); err != nil {
				t.Errorf("from %d leaves: %v", known, err)
			}
		}
		if known > 4 && len(b6.Proof.Hashes) > 0 {
			t.Errorf("a log of 4 leaves was proved to continue one of %d", known)
		}
	}
	reply := w.enter("Alice", 0).leaves(before.Head.Leaves)
	if len(reply.Leaves) != 1 {
		t.Fatalf("%d new leaves, want 1", len(reply.Leaves))
	}
	if e, err := directory.Next(testHost().Realm(), bob.last, reply.Leaves[0].Entry); err != nil || e.User() != "Bob" {
		t.Errorf("the new leaf is %v, error %v", e, err)
	}
}

// A device that is removed is out at once, and does not come back.
func TestRemovedDevice(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	alice := d.person("Alice")
	lost := alice.device
	v := w.enter("Alice", 0)
	device := d.drawDevice("Alice", alice.account)
	other, _ := w.withPassword(alice, device)
	next := alice.addDevice(t, device)
	if _, err := other.publish(next); err != nil {
		t.Fatal(err)
	}
	if code := v.ended(); code != wire.CloseCodeReplaced {
		t.Errorf("the first session was closed with %v, want replaced", code)
	}
	v = w.enter("Alice", 0) // and the lost device replaces the other
	without, err := next.RemoveDevice(alice.account.Signer, lost.Id(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	third, _ := w.withPassword(alice, d.drawDevice("Alice", alice.account))
	_, err = third.publish(without)
	refused(t, "an entry without the device of the login", err, wire.RefusedCodeNotAllowed)
	if _, err := v.publish(without); err != nil {
		t.Fatal(err)
	}
	if code := v.ended(); code != wire.CloseCodeRemoved {
		t.Errorf("the lost device's session was closed with %v, want removed", code)
	}
	for range 2 { // also after a restart
		w.notIn("Alice", d.as(channel.ClientConfig{User: "Alice", Device: lost}))
		w.visit("Alice", d.as(channel.ClientConfig{User: "Alice", Device: device}))

		// "A device that is gone stays gone", also for who has the password.
		alice.last = without
		thief, _ := w.withPassword(alice, lost)
		_, err = thief.publish(alice.addDevice(t, lost))
		refused(t, "the lost device again", err, wire.RefusedCodeConflict)
		half := shown(lost)
		half.Keys.Seal = d.drawDevice("Alice", alice.account).Public().Seal
		e, err := without.AddDevice(alice.account.Signer, half, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		v := w.visit("Alice", d.as(channel.ClientConfig{User: "Alice", Device: device}))
		_, err = v.publish(e)
		refused(t, "one of its keys", err, wire.RefusedCodeConflict)
		w.killed()
	}
}

// notIn wants a login to be refused, for a reason that only the server knows.
func (w *world) notIn(name string, l login) {
	w.t.Helper()
	const in, wrong, unknown = "login: logged in", "login: proof wrong", "login: unknown user or device"
	before := w.srv.Counters()
	v, err := w.dial(name, l) // what the client has proved is for the server to judge
	if err != nil {
		w.t.Fatalf("login of %s: %v", name, err)
	}
	w.eventually(wrong, before[wrong]+1)
	if after := w.srv.Counters(); after[in] != before[in] || after[unknown] != before[unknown]+1 {
		w.t.Errorf("login of %s: counted %v, before it %v", name, after, before)
	}
	v.leave()
}

// A device that nobody knows, of a user who exists and of one who doesn't, is told
// nothing.
func TestUnknownDevices(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	stranger := d.draw("Alice")
	for _, name := range []string{"Alice", "Nobody"} {
		w.notIn(name, d.as(channel.ClientConfig{User: name, Device: stranger.device}))
	}
	bob := d.person("Bob")
	w.notIn("Alice", d.as(channel.ClientConfig{User: "Alice", Device: bob.device}))
	w.enter("Alice", 0)
}

// Who logs in to make something known and doesn't, has no place for long.
func TestVisitsEnd(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{Visit: 50 * time.Millisecond, Linger: time.Millisecond})
	alice := d.person("Alice")
	enrol, _ := w.withPassword(alice, d.drawDevice("Alice", alice.account))
	for _, v := range []*visitor{enrol, w.visit("somebody", d.invited(t))} {
		if code := v.ended(); code != wire.CloseCodeDone {
			t.Errorf("%s was closed with %v, want done", v.name, code)
		}
	}
	w.enter("Bob", 0).mustSend("Alice", 1, "still here", wire.SendStateQueued)
}

// One invitation opens any number of sessions. Those who were here longest make room,
// and who has come to stay is not concerned.
func TestVisitorsMakeRoom(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{Visits: 2, Linger: time.Millisecond})
	alice := w.enter("Alice", 0)
	login := d.invited(t)
	guests := []*visitor{w.visit("guest 0", login)}
	for i := 1; i < 6; i++ {
		guests = append(guests, w.visit(fmt.Sprint("guest ", i), d.as(channel.ClientConfig{Invitation: login.invitation})))
		if i < 2 {
			continue
		}
		if code := guests[i-2].ended(); code != wire.CloseCodeOverloaded {
			t.Errorf("guest %d was closed with %v, want overloaded", i-2, code)
		}
	}
	if err := guests[4].join(d.draw("Danielle")); err != nil {
		t.Errorf("guest 4 joins: %v", err)
	}
	if got, want := alice.online(), "Alice+ Bob- Danielle-"; got != want {
		t.Errorf("list shows %q, want %q", got, want)
	}
}

// Everybody keeps the whole log, so nobody may make it as long as he likes.
func TestDefaultRates(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{Publishes: Rate{1, 2}, Invites: Rate{1, 1}, Leaves: Rate{1, 1}})
	alice := d.person("Alice")
	v := w.enter("Alice", 0)
	for range 2 {
		next := alice.addDevice(t, d.drawDevice("Alice", alice.account))
		if _, err := v.publish(next); err != nil {
			t.Fatal(err)
		}
		alice.last = next
	}
	_, err := v.publish(alice.addDevice(t, d.drawDevice("Alice", alice.account)))
	refused(t, "one entry too many", err, wire.RefusedCodeRateLimited)
	for _, kind := range []wire.RequestType{wire.RequestTypeInvite, wire.RequestTypeLeaves} {
		if _, err := v.ask(&wire.Request{Type: kind}); err != nil {
			t.Errorf("the first %v: %v", kind, err)
		}
		_, err := v.ask(&wire.Request{Type: kind})
		refused(t, "one "+kind.String()+" too many", err, wire.RefusedCodeRateLimited)
	}
}

// "Each new login with one invitation brings another 25 MB of the log": an allowance
// belongs to the invitation.
func TestRateOfAnInvitation(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{Leaves: Rate{PerSecond: 1e-6, Burst: 2}})
	first := d.invited(t)
	leaves := &wire.Request{Type: wire.RequestTypeLeaves}
	for i, l := range []login{first, d.as(channel.ClientConfig{Invitation: first.invitation})} {
		if _, err := w.visit(fmt.Sprint("guest ", i), l).ask(leaves); err != nil {
			t.Fatalf("session %d with the invitation: %v", i, err)
		}
	}
	_, err := w.visit("the same", d.as(channel.ClientConfig{Invitation: first.invitation})).ask(leaves)
	refused(t, "one part of the log too many", err, wire.RefusedCodeRateLimited)
	if _, err := w.visit("another", d.invited(t)).ask(leaves); err != nil {
		t.Errorf("with another invitation: %v", err)
	}
}

// What is kept of invitations is bounded, and the oldest goes first.
func TestVisitorsAreForgotten(t *testing.T) {
	v := visitors{most: 2}
	in := func(n byte) wire.Invitation { return wire.Invitation{Id: [8]byte{n}} }
	first, second := v.allowance(in(1)), v.allowance(in(2))
	if v.allowance(in(1)) != first {
		t.Error("a second login has another allowance")
	}
	v.allowance(in(3))
	if v.allowance(in(2)) != second {
		t.Error("not the oldest was forgotten")
	}
	if v.allowance(in(1)) == first {
		t.Error("three are remembered, at most two may be")
	}
	if len(v.allowances) != 2 || len(v.order) != 2 {
		t.Errorf("%d and %d are remembered, want 2", len(v.allowances), len(v.order))
	}
}
