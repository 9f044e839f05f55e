package client

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"sotto/node/directory"
	"sotto/node/envelope"
	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/node/transport"
	"sotto/wire"
)

// A contactPin is another user's account, with the devices that the log shows.
type contactPin struct {
	*envelope.Contact
	account []byte // AccountKeys
}

func (p contactPin) id() wire.KeyId { return p.Id() }

func (p contactPin) bytes() []byte { return p.account }

func (p contactPin) at(device wire.KeyId) bool {
	_, shown := p.Device(device)
	return shown
}

// newContactPin reads a user's account as the profile holds it. Its devices are
// those that the log shows, if it shows this account; of one that was replaced it
// shows none.
func newContactPin(name string, account []byte, shown *envelope.Contact) (pin, error) {
	var k wire.AccountKeys
	if err := k.UnmarshalBinary(account); err != nil {
		return nil, err
	}
	if shown != nil && shown.Id() == keys.AccountId(&k) {
		return contactPin{shown, account}, nil
	}
	return contactPin{envelope.NewContact(name, &k, nil), account}, nil
}

// me gives this device and the id of our account.
func (t *defaultTier) me() (*keys.Device, wire.KeyId) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.device, t.account
}

// meAndFormer gives this device and the ids of our account: the present one, and those
// that it was rotated from.
func (t *defaultTier) meAndFormer() (*keys.Device, []wire.KeyId) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.device, append([]wire.KeyId{t.account}, t.former...)
}

func (t *defaultTier) seal(_ string, key pin, h heading, text string) ([]byte, error) {
	device, _ := t.me()
	head := envelope.LetterHeading{Id: h.id, Seq: h.seq, Sent: h.sent, Head: t.log.head()}
	return envelope.SealLetter(t.cfg.Random, device, key.(contactPin).Contact, head, text)
}

func (t *defaultTier) sealedTo(key pin, sealed []byte) bool {
	return envelope.SealedTo(key.(contactPin).Contact, sealed)
}

func (t *defaultTier) peek(sealed []byte) (from string, id MessageID, err error) {
	head, err := envelope.PeekLetter(sealed)
	if err != nil {
		return "", MessageID{}, err
	}
	return head.From, head.Id, nil
}

// ready catches up with the log where a letter comes from somebody who has seen
// more of it: its sender's device may be new.
func (t *defaultTier) ready(ctx context.Context, sealed []byte) error {
	letter, err := envelope.PeekLetter(sealed)
	if err != nil || letter.Head.Leaves <= t.log.head().Leaves || directory.VerifyHead(t.serverKey().key, &letter.Head) != nil {
		return nil // it is refused for what it is, or judged by what we know
	}
	if err := t.log.hear(ctx, &letter.Head); err != nil {
		return err
	}
	return t.catchUp(ctx)
}

// open opens a letter, and compares the head in it with the log as we know it:
// so two people find out whom a server shows two logs.
func (t *defaultTier) open(ctx context.Context, _ string, key pin, now time.Time, oldest time.Duration, sealed []byte) (*opened, error) {
	device, accounts := t.meAndFormer()
	l, err := envelope.OpenLetter(device, accounts, key.(contactPin).Contact, now, oldest, sealed)
	if errors.Is(err, envelope.ErrNoSlot) {
		return nil, t.elsewhere(ctx, sealed)
	}
	if err != nil {
		return nil, err
	}
	if err := t.log.hear(ctx, &l.Header.Head); err != nil {
		return nil, headError(err)
	}
	return openedLetter(l), nil
}

// elsewhere says of a letter that this device can't read whether another one of ours can:
// one that the log shows, or the first of them, which can read what was written before
// there was any.
func (t *defaultTier) elsewhere(ctx context.Context, sealed []byte) error {
	readers, err := envelope.Readers(sealed)
	if err != nil {
		return err
	}
	own, err := t.log.entry(ctx, t.cfg.User)
	if err != nil {
		return &notNowError{err}
	}
	_, accounts := t.meAndFormer()
	for _, id := range readers {
		_, shown := own.Device(id)
		if shown || slices.Contains(accounts, id) && len(own.Body().Devices) > 1 {
			return errElsewhere
		}
	}
	return envelope.ErrNoSlot
}

// errNotSigned accuses the writer of a letter, or is about a key of the server that we
// have not been told of yet.
var errNotSigned = errors.New("the message names a state of the log that the server never signed")

// headError makes an alarm of what a head in a letter proves. That the server has
// never signed it accuses its writer alone; a failure of ours accuses nobody.
func headError(err error) error {
	var alarm *DirectoryError
	switch {
	case errors.Is(err, directory.ErrHead):
		return errNotSigned
	case errors.As(err, &alarm):
		return err
	}
	return &notNowError{err}
}

func (t *defaultTier) reopen(_ string, _ pin, _ time.Time, sealed []byte) (*opened, error) {
	var opened *envelope.OpenedLetter
	err := t.withKeys(func(d *keys.Device) (err error) {
		opened, err = envelope.ReopenLetter(d, sealed)
		return err
	})
	if err != nil {
		return nil, err
	}
	return openedLetter(opened), nil
}

// withKeys opens something with the keys of this device or, where they don't serve, with
// those that it had before it was removed from the account.
func (t *defaultTier) withKeys(open func(*keys.Device) error) error {
	t.mu.Lock()
	devices := append([]*keys.Device{t.device}, t.aside...)
	t.mu.Unlock()
	first := open(devices[0])
	if first == nil {
		return nil
	}
	for _, d := range devices[1:] {
		if open(d) == nil {
			return nil
		}
	}
	return first
}

func openedLetter(l *envelope.OpenedLetter) *opened {
	head := heading{id: l.Header.Id, seq: l.Header.Seq, sent: time.UnixMilli(int64(l.Header.SentMs))}
	return &opened{heading: head, key: l.Header.FromDevice, text: l.Text}
}

func (t *defaultTier) sealDraft(text string) ([]byte, error) {
	device, _ := t.me()
	return envelope.SealDraft(device, text)
}

func (t *defaultTier) openDraft(sealed []byte) (text string, err error) {
	err = t.withKeys(func(d *keys.Device) (err error) {
		text, err = envelope.OpenDraft(d, sealed)
		return err
	})
	return text, err
}

// peerConfig is what a conn with another user needs: between us it is the same
// channel as with the server, with the keys of devices.
func (t *defaultTier) peerConfig() channel.PeerConfig {
	return channel.PeerConfig{Random: t.cfg.Random, Device: t.device, Devices: t.deviceOf}
}

// deviceOf finds the keys of another user's device.
func (t *defaultTier) deviceOf(folded string, id wire.KeyId) (*wire.DeviceKeys, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	contact := t.contacts[folded]
	if contact == nil {
		return nil, false
	}
	k, shown := contact.Device(id)
	return &k, shown
}

func (t *defaultTier) introduction(in introduction) channel.Introduction {
	return channel.Introduction{Id: in.id, Key: in.key, Self: t.user, Peer: in.peer, Expires: in.expires}
}

func (t *defaultTier) initiate(in introduction) (handshake, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return channel.NewPeerInitiator(t.peerConfig(), t.introduction(in))
}

func (t *defaultTier) expect(now time.Time, in introduction) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.intros.Add(now, t.introduction(in))
}

func (t *defaultTier) callers() transport.Responder { return defaultCallers{t} }

func (t *defaultTier) partner(of any) (name string, device wire.KeyId, ok bool) {
	if dialled, ok := of.(*channel.PeerInitiator); ok {
		of = dialled.Peer()
	}
	introduced, ok := of.(*channel.IntroducedPeer)
	if !ok || introduced == nil {
		return "", device, false
	}
	return introduced.User, introduced.Device, true
}

// defaultCallers fit introductions to the transport. There are none before there
// is a device.
type defaultCallers struct{ tier *defaultTier }

func (r defaultCallers) introductions() *channel.Introductions {
	r.tier.mu.Lock()
	defer r.tier.mu.Unlock()
	return r.tier.intros
}

func (r defaultCallers) First(now time.Time, from netip.AddrPort, msg []byte) (transport.Verdict, []byte) {
	intros := r.introductions()
	if intros == nil {
		return transport.Drop, nil
	}
	if verdict, _ := intros.First(now, from, msg); verdict == channel.Proceed {
		return transport.Proceed, nil
	}
	return transport.Drop, nil
}

func (r defaultCallers) Begin(now time.Time, from netip.AddrPort, conn [32]byte) transport.Handshake {
	return r.introductions().Begin(now, from, conn)
}
