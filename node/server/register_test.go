package server

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/wire"
)

// invited is a login with a new invitation of the operator.
func (d *defaultWorld) invited(t testing.TB) *defaultLogin {
	t.Helper()
	in, err := testHost().Invite(rand.Reader, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return d.as(channel.ClientConfig{Invitation: &in})
}

// finish plays a registration up to the last request, and returns that.
func (v *visitor) finish(p *person) (*wire.Request, error) {
	v.t.Helper()
	start, request, err := channel.StartRegistration(rand.Reader, testHost().Realm(), p.name, []byte(p.name))
	if err != nil {
		v.t.Fatal(err)
	}
	reply, err := v.ask(&wire.Request{Type: wire.RequestTypeRegisterStart, RegisterStart: wire.RegisterStart{
		User: p.name, Request: request.BlindedMessage,
	}})
	if err != nil {
		return nil, err
	}
	var response wire.OpaqueResponse
	if err := response.UnmarshalBinary(reply.RegisterStart.Response[:]); err != nil {
		v.t.Fatal(err)
	}
	record, wrapped, err := start.Finish(rand.Reader, &response, p.account, keys.WeakForTests)
	if err != nil {
		v.t.Fatal(err)
	}
	b, err := record.MarshalBinary()
	if err != nil {
		v.t.Fatal(err)
	}
	return &wire.Request{Type: wire.RequestTypeRegisterFinish, RegisterFinish: wire.RegisterFinish{
		Record: [192]byte(b), Wrapped: *wrapped, Entry: *p.last.Signed(),
	}}, nil
}

// join makes an account.
func (v *visitor) join(p *person) error {
	v.t.Helper()
	req, err := v.finish(p)
	if err == nil {
		_, err = v.ask(req)
	}
	return err
}

// Somebody whom a user has invited makes an account. Who is here learns of it, and
// it is an account like any other: also for those who logged in before, and for
// the password alone.
func TestRegistration(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	alice := w.enter("Alice", 0)
	reply, err := alice.ask(&wire.Request{Type: wire.RequestTypeInvite})
	if err != nil {
		t.Fatal(err)
	}
	guest := w.visit("Danielle", d.as(channel.ClientConfig{Invitation: &reply.Invite.Invitation}))
	if got := guest.leaves(0); len(got.Leaves) != 2 {
		t.Errorf("the guest is shown %d leaves, want 2", len(got.Leaves))
	}
	p := d.draw("Danielle")
	if err := guest.join(p); err != nil {
		t.Fatal(err)
	}
	d.keep(p)
	if head := alice.next(wire.PushTypeTree).Tree.Head; head.Leaves != 3 {
		t.Errorf("Alice was told of %d leaves, want 3", head.Leaves)
	}
	if got, want := alice.online(), "Alice+ Bob- Danielle-"; got != want {
		t.Errorf("list shows %q, want %q", got, want)
	}
	alice.mustSend("danielle", 1, "welcome", wire.SendStateQueued)
	guest.leave()

	v := w.enter("Danielle", 0)
	v.ack(v.delivered("welcome"))
	alice.next(wire.PushTypeReceipt)
	if located := alice.locate("Danielle"); located.State != wire.OnlineOnline {
		t.Errorf("locate: %v", located)
	}
	w.withPassword(p, nil)
}

// Somebody without an account has no mailbox. What he says of one counts for nothing.
func TestGuestHasNoMailbox(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	guest := w.visit("a guest", d.invited(t))
	for _, seq := range []uint64{0, 1, 1<<64 - 1} {
		err := guest.signals.Item(&wire.Signal{Type: wire.SignalTypeRefuse, Refuse: wire.MailboxRefuse{Seq: seq}})
		if err != nil {
			t.Fatal(err)
		}
		guest.ack(seq)
	}
	if err := guest.join(d.draw("Danielle")); err != nil {
		t.Error(err)
	}
	// All signals were read when the last one is answered: it breaks the stream.
	if _, err := guest.control.Write([]byte{0xff, 0xff, 0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	if code := guest.ended(); code != wire.CloseCodeProtocolError {
		t.Errorf("closed with %v, want a protocol error", code)
	}
	w.enter("Alice", 0)
}

// A guest takes no turn among the large requests, of which few are read at once.
func TestGuestAsksForNothingLarge(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{LargeRequests: 1})
	guest := w.visit("a guest", d.invited(t))
	if code, err := guest.raw([]byte{1, 0, 1}); err != nil || code != wire.RefusedCodeTooBig {
		t.Errorf("code %v, error %v, want too_big", code, err)
	}
	w.enter("Alice", 0).mustSend("Bob", 1, strings.Repeat("x", 100<<10), wire.SendStateQueued)
}

// The answer to a registration serves to try one password at any later time. So they
// count as guesses at the name, whoever asks, and by whatever session.
func TestRegistrationsAreGuesses(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{Publishes: Rate{PerSecond: 1, Burst: 1000}})
	login := d.invited(t)
	first, second := w.visit("a guest", login), w.visit("the same", d.as(channel.ClientConfig{Invitation: login.invitation}))
	erin := d.draw("Erin")
	answered := 0
	var err error
	for answered < 1000 && err == nil {
		if _, err = first.finish(erin); err == nil {
			answered++
		}
	}
	refused(t, fmt.Sprintf("after %d answers", answered), err, wire.RefusedCodeRateLimited)
	if answered < 10 || answered > 100 {
		t.Errorf("%d answers for one name", answered)
	}
	_, err = second.finish(d.draw("eRIN"))
	refused(t, "by another session", err, wire.RefusedCodeRateLimited)
	if _, err := second.finish(d.draw("Danielle")); err != nil {
		t.Errorf("another name: %v", err)
	}
}

// Attack 51: "registration replay, over an existing user, with other's session →
// refuse". One invitation makes one account.
func TestAttack51Registrations(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	first := d.invited(t)
	guest := w.visit("a guest", first)
	danielle, erin := d.draw("Danielle"), d.draw("Erin")

	refused(t, "over an existing user", guest.join(d.draw("aLICE")), wire.RefusedCodeNameTaken)
	own, err := guest.finish(danielle)
	if err != nil {
		t.Fatal(err)
	}
	over := *own
	over.RegisterFinish.Entry = *d.person("Alice").last.Signed()
	_, err = guest.ask(&over)
	refused(t, "another user's entry", err, wire.RefusedCodeNotAllowed)
	over.RegisterFinish.Entry = *erin.last.Signed()
	_, err = guest.ask(&over)
	refused(t, "another name than was begun with", err, wire.RefusedCodeNotAllowed)
	over = *own
	over.RegisterFinish.Record = [192]byte{}
	_, err = guest.ask(&over)
	refused(t, "a record that is none", err, wire.RefusedCodeMalformed)
	two, err := danielle.last.AddDevice(danielle.account.Signer, shown(d.drawDevice("Danielle", danielle.account)), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	over = *own
	over.RegisterFinish.Entry = *two.Signed()
	_, err = guest.ask(&over)
	refused(t, "an entry that is not the first", err, wire.RefusedCodeConflict)
	fresh := w.visit("another guest", d.invited(t))
	_, err = fresh.ask(own)
	refused(t, "in a session that has not begun", err, wire.RefusedCodeNotAllowed)

	// None of that has used the invitation up.
	if _, err := guest.ask(own); err != nil {
		t.Fatal(err)
	}
	if _, err := guest.ask(own); err != nil {
		t.Errorf("the same again, by a client who does not know the outcome: %v", err)
	}
	if _, err := fresh.finish(danielle); err == nil {
		t.Error("a second registration of the name was begun")
	}
	_, err = fresh.ask(own)
	refused(t, "replayed in another session", err, wire.RefusedCodeNotAllowed)
	refused(t, "a second account in the same session", guest.join(erin), wire.RefusedCodeNotAllowed)

	w.opensNothing(d.as(channel.ClientConfig{Invitation: first.invitation}))
	w.halt()
	w.start()
	w.opensNothing(d.as(channel.ClientConfig{Invitation: first.invitation}))

	v := w.visit("Alice", d.login(w, "Alice")) // whose account is as it was
	if got := v.leaves(0); len(got.Leaves) != 3 {
		t.Errorf("the log has %d leaves, want 3", len(got.Leaves))
	}
	if err := w.visit("Erin", d.invited(t)).join(erin); err != nil {
		t.Errorf("with an invitation of her own: %v", err)
	}
}

// opensNothing wants an invitation to be refused at the login, for a reason that only the
// server knows: it looks like one that there never was.
func (w *world) opensNothing(l *defaultLogin) {
	w.t.Helper()
	const in, invalid = "login: logged in", "login: invitation not valid"
	for _, l := range []*defaultLogin{l, w.tier.(*defaultWorld).as(channel.ClientConfig{Invitation: new(wire.Invitation)})} {
		before := w.srv.Counters()
		v, err := w.dial("somebody", l)
		if err != nil {
			w.t.Fatal(err)
		}
		w.eventually(invalid, before[invalid]+1)
		if after := w.srv.Counters(); after[in] != before[in] {
			w.t.Error("the invitation opened a session")
		}
		v.leave()
	}
}

// Two who have an invitation at once make one account.
func TestInvitationUsedTwiceAtOnce(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	l := d.invited(t)
	one, two := w.visit("one", l), w.visit("two", d.as(channel.ClientConfig{Invitation: l.invitation}))
	if err := one.join(d.draw("Danielle")); err != nil {
		t.Fatal(err)
	}
	refused(t, "the other", two.join(d.draw("Erin")), wire.RefusedCodeNotAllowed)
}

// A killed server keeps the accounts that it promised, and what their owners made
// known.
func TestKilledServerKeepsAccounts(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	p := d.draw("Danielle")
	if err := w.visit("Danielle", d.invited(t)).join(p); err != nil {
		t.Fatal(err)
	}
	d.keep(p)
	device := d.drawDevice("Danielle", p.account)
	v, _ := w.withPassword(p, device)
	head, err := v.publish(p.addDevice(t, device))
	if err != nil {
		t.Fatal(err)
	}
	w.killed()
	v = w.visit("Danielle", d.as(channel.ClientConfig{User: "Danielle", Device: device}))
	if got := v.b6(); got.Scope != wire.SessionScopeFull || got.Head != head {
		t.Errorf("scope %v, head of %d leaves, want full and the head that was promised", got.Scope, got.Head.Leaves)
	}
	if got, want := v.online(), "Alice- Bob- Danielle+"; got != want {
		t.Errorf("list shows %q, want %q", got, want)
	}
}

// killed goes on with a copy of the state as a kill or a power line would leave it.
func (w *world) killed() {
	w.t.Helper()
	dir := w.t.TempDir() + "/state"
	if err := os.CopyFS(dir, os.DirFS(w.dir)); err != nil {
		w.t.Fatal(err)
	}
	w.halt()
	w.store.Close()
	for _, name := range []string{"", "/state.db", "/state.db-wal", "/state.db-shm", "/lock"} {
		mode := os.FileMode(0o600)
		if name == "" {
			mode = 0o700
		}
		if err := os.Chmod(dir+name, mode); err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
	}
	w.dir = dir
	w.open()
	w.start()
}

// Many come at the same time while others look, write and change their devices.
func TestManyRegisterTogether(t *testing.T) {
	w, d := aDefaultWorld(t, Limits{})
	alice := w.enter("Alice", 0)
	var wg sync.WaitGroup
	for i := range 8 {
		p := d.draw(fmt.Sprint("user", i))
		guest := w.visit(p.name, d.invited(t))
		wg.Go(func() {
			if err := guest.join(p); err != nil {
				t.Errorf("%s: %v", p.name, err)
			}
			d.keep(p)
		})
		wg.Go(func() { alice.online() })
	}
	wg.Wait()
	if got, want := alice.online(), "Alice+ Bob- user0- user1- user2- user3- user4- user5- user6- user7-"; got != want {
		t.Errorf("list shows %q, want %q", got, want)
	}
	for i := range 8 {
		alice.mustSend(strings.ToUpper(fmt.Sprint("user", i)), 1, "hello", wire.SendStateQueued)
	}
	for p := alice.next(wire.PushTypeTree); p.Tree.Head.Leaves < 10; {
		p = alice.next(wire.PushTypeTree)
	}
}
