package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"sotto/node/client/profile"
	"sotto/node/directory/manifest"
	"sotto/node/envelope"
	"sotto/node/keys"
	"sotto/node/login/classic"
	"sotto/node/login/puzzle"
	"sotto/node/transport"
	"sotto/wire"
)

// A classicTier is the classic tier: RSA keys that a password unlocks, and a
// manifest that says who has which.
type classicTier struct {
	cfg     *Config
	server  *keys.PublicKey // pinned
	profile *profile.Profile

	// Set by the first login and the same from then on.
	user     string
	identity *keys.Identity // stays in memory for the next logins

	intros  *classic.Introductions
	version atomic.Uint64 // of the manifest that counts
}

func newClassicTier(cfg *Config) *classicTier {
	return &classicTier{
		cfg:     cfg,
		server:  cfg.ServerKey.classic,
		profile: cfg.Profile,
		intros:  &classic.Introductions{Random: cfg.Random},
	}
}

// A classicPin is another user's key.
type classicPin struct{ *keys.PublicKey }

func (p classicPin) id() wire.KeyId { return p.Id() }

func (p classicPin) bytes() []byte {
	modulus := p.Modulus()
	return modulus[:]
}

func (p classicPin) at(wire.KeyId) bool { return true }

// newClassicPin reads a key as the profile holds it: its modulus.
func newClassicPin(modulus []byte) (pin, error) {
	var m wire.Rsa
	if len(modulus) != len(m) {
		return nil, fmt.Errorf("%d bytes, want %d", len(modulus), len(m))
	}
	copy(m[:], modulus)
	key, err := keys.NewPublicKey(m)
	if err != nil {
		return nil, err
	}
	return classicPin{key}, nil
}

// handshake begins a login: the first time with the password, which is gone
// afterwards, and then with the identity that it unlocked.
func (t *classicTier) handshake() (handshake, error) {
	cfg := classic.ClientConfig{
		Random:   t.cfg.Random,
		Server:   t.server,
		User:     t.cfg.User,
		Password: t.cfg.Password,
		Stretch:  t.cfg.Stretch,
	}
	if t.identity != nil {
		cfg.User, cfg.Password, cfg.Identity = t.user, nil, t.identity
	}
	return classic.NewClient(cfg)
}

func (t *classicTier) final(err error) bool {
	var tooHard *puzzle.TooHardError
	return errors.Is(err, classic.ErrPassword) || errors.As(err, &tooHard)
}

// begin takes M6, the last message of the login.
func (t *classicTier) begin(ctx context.Context, h handshake, conn *transport.Conn, m6 []byte) (*beginning, error) {
	c := h.(*classic.Client)
	session, signed, err := c.OpenM6(m6)
	if err != nil {
		return nil, &LoginError{t.cfg.User, conn.PeerAddr(), err}
	}
	m, err := manifest.Verify(t.server, signed)
	if err != nil {
		return nil, &DirectoryError{Why: err}
	}
	if t.identity == nil {
		own, _ := m.Lookup(t.cfg.User) // takeManifest checks that it is there
		t.user, t.identity = own.Name, c.Identity()
	}
	in := &beginning{user: t.user, serverAt: session.ServerTime}
	in.roster, err = t.takeManifest(ctx, m, session.ServerTime)
	return in, err
}

// takeManifest checks a manifest against the last one that this profile saw
// and stores it. What it contradicts is an alarm, and it is not taken.
func (t *classicTier) takeManifest(ctx context.Context, m *manifest.Manifest, now time.Time) (*roster, error) {
	var seen manifest.Seen
	switch last, err := t.profile.Manifest(ctx); {
	case err == nil:
		seen = manifest.Seen{Version: last.Version, Hash: last.Hash}
	case !errors.Is(err, profile.ErrNotFound):
		return nil, err
	}
	if err := m.Follows(seen, now); err != nil {
		return nil, &DirectoryError{Why: err}
	}
	if err := m.CheckOwn(t.cfg.User, t.self()); err != nil {
		return nil, &DirectoryError{Why: err}
	}
	body, err := m.Signed().MarshalBinary()
	if err != nil {
		return nil, err
	}
	var shown []profile.PeerKey
	for _, e := range m.Entries() {
		shown = append(shown, profile.PeerKey{Name: e.Name, Key: classicPin{e.Key}.bytes()})
	}
	latest := m.Seen()
	changed, err := t.profile.SetManifest(ctx, profile.Manifest{Version: latest.Version, Hash: latest.Hash, Body: body}, shown)
	switch {
	case errors.Is(err, profile.ErrRollback), errors.Is(err, profile.ErrFork):
		return nil, &DirectoryError{Why: err}
	case err != nil:
		return nil, err
	}
	t.version.Store(latest.Version)
	peers, err := t.known(ctx)
	if err != nil {
		return nil, err
	}
	for i := range peers {
		if e, ok := m.Lookup(peers[i].name); ok {
			peers[i].name = e.Name
		}
	}
	return &roster{peers: peers, changed: changed}, nil
}

func (t *classicTier) known(ctx context.Context) ([]peer, error) {
	stored, err := t.profile.Peers(ctx)
	if err != nil {
		return nil, fmt.Errorf("client: read the known keys: %w", err)
	}
	var peers []peer
	for _, p := range stored {
		next := peer{name: p.Name, verified: p.Verified}
		if next.key, err = newClassicPin(p.Key); err != nil {
			return nil, fmt.Errorf("client: the known key of %s: %w", p.Name, err)
		}
		if p.Changed != nil {
			if next.changed, err = newClassicPin(p.Changed); err != nil {
				return nil, fmt.Errorf("client: the new key of %s: %w", p.Name, err)
			}
		}
		peers = append(peers, next)
	}
	return peers, nil
}

// news takes a manifest that the server sent during the session.
func (t *classicTier) news(ctx context.Context, p *wire.Push, now time.Time) (*roster, error) {
	if p.Type != wire.PushTypeManifest {
		return nil, nil
	}
	m, err := manifest.Parse(t.server, p.Manifest.Signed)
	if err != nil {
		return nil, &DirectoryError{Why: err}
	}
	return t.takeManifest(ctx, m, now)
}

func (t *classicTier) self() wire.KeyId { return t.identity.Public().Id() }

func (t *classicTier) serverKey() *ServerKey { return t.cfg.ServerKey }

func (t *classicTier) checkKey(ctx context.Context, e *transport.Endpoint, server netip.AddrPort) error {
	shown, err := askKey(ctx, e, t.cfg.Random, server)
	if err != nil {
		return err
	}
	if !shown.Equal(t.server) {
		return &ServerKeyError{Pinned: t.server.Fingerprint(), Shown: shown.Fingerprint()}
	}
	return nil
}

func (t *classicTier) seal(to string, key pin, h heading, text string) ([]byte, error) {
	return envelope.Seal(t.cfg.Random, t.sender(), envelope.Person{Name: to, Key: key.(classicPin).PublicKey},
		envelope.Heading{Id: h.id, Seq: h.seq, Sent: h.sent, ManifestVersion: t.version.Load()}, text)
}

// sealedTo has nothing to look for: who has another key is somebody else.
func (t *classicTier) sealedTo(pin, []byte) bool { return true }

func (t *classicTier) sender() envelope.Sender {
	return envelope.Sender{Identity: t.identity, Name: t.user}
}

func (t *classicTier) peek(sealed []byte) (from string, id MessageID, err error) {
	head, err := envelope.Peek(sealed)
	if err != nil {
		return "", MessageID{}, err
	}
	return head.From, head.Id, nil
}

func (t *classicTier) open(_ context.Context, from string, key pin, now time.Time, oldest time.Duration, sealed []byte) (*opened, error) {
	m, err := envelope.Open(t.identity, t.user, envelope.Person{Name: from, Key: key.(classicPin).PublicKey}, now, oldest, sealed)
	if err != nil {
		return nil, err
	}
	head := heading{id: m.Header.Id, seq: m.Header.Seq, sent: time.UnixMilli(int64(m.Header.SentMs))}
	return &opened{heading: head, key: m.Header.FromKey, text: m.Text}, nil
}

func (t *classicTier) ready(context.Context, []byte) error { return nil }

func (t *classicTier) reopen(from string, key pin, now time.Time, sealed []byte) (*opened, error) {
	return t.open(context.Background(), from, key, now, time.Duration(math.MaxInt64), sealed)
}

// sealDraft puts a text into an envelope to ourselves that is never sent.
func (t *classicTier) sealDraft(text string) ([]byte, error) {
	h := envelope.Heading{Seq: 1, Sent: t.cfg.Now()}
	if _, err := io.ReadFull(t.cfg.Random, h.Id[:]); err != nil {
		return nil, err
	}
	return envelope.Seal(t.cfg.Random, t.sender(), envelope.Person{Name: t.user, Key: t.identity.Public()}, h, text)
}

func (t *classicTier) openDraft(sealed []byte) (string, error) {
	me := envelope.Person{Name: t.user, Key: t.identity.Public()}
	m, err := envelope.Open(t.identity, t.user, me, t.cfg.Now(), time.Duration(math.MaxInt64), sealed)
	if err != nil {
		return "", err
	}
	return m.Text, nil
}

func (t *classicTier) introduction(in introduction) classic.Introduction {
	return classic.Introduction{Id: in.id, Key: in.key, Self: t.user, Peer: in.peer, Expires: in.expires}
}

func (t *classicTier) initiate(in introduction) (handshake, error) {
	return classic.NewPeerInitiator(t.cfg.Random, t.introduction(in))
}

func (t *classicTier) expect(now time.Time, in introduction) error {
	return t.intros.Add(now, t.introduction(in))
}

func (t *classicTier) callers() transport.Responder { return classicCallers{t.intros} }

func (t *classicTier) partner(of any) (name string, device wire.KeyId, ok bool) {
	introduced, ok := of.(*classic.IntroducedPeer)
	if !ok {
		return "", device, false
	}
	return introduced.User, device, true
}

// classicCallers fit introductions to the transport.
type classicCallers struct{ intros *classic.Introductions }

func (r classicCallers) First(now time.Time, from netip.AddrPort, msg []byte) (transport.Verdict, []byte) {
	if verdict, _ := r.intros.First(now, from, msg); verdict == classic.Proceed {
		return transport.Proceed, nil
	}
	return transport.Drop, nil
}

func (r classicCallers) Begin(now time.Time, from netip.AddrPort, conn [32]byte) transport.Handshake {
	return r.intros.Begin(now, from, conn)
}
