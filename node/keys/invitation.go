package keys

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"sotto/wire"
)

// ErrInvitation says that an invitation is not this server's, or has expired.
var ErrInvitation = errors.New("the invitation is not valid, or has expired")

// Invite makes an invitation. The server keeps nothing of it.
func (h *Host) Invite(random io.Reader, expires time.Time) (wire.Invitation, error) {
	in := wire.Invitation{ExpiresMs: uint64(max(expires.UnixMilli(), 0))}
	if err := fill(random, in.Id[:]); err != nil {
		return in, fmt.Errorf("invitation: %w", err)
	}
	in.Mac = h.invitationMAC(&in)
	return in, nil
}

// CheckInvitation reports whether an invitation is one of ours and still good. Whether it
// was used already is for others to remember.
func (h *Host) CheckInvitation(now time.Time, in *wire.Invitation) error {
	want := h.invitationMAC(in)
	if ms := now.UnixMilli(); !hmac.Equal(in.Mac[:], want[:]) || ms < 0 || uint64(ms) >= in.ExpiresMs {
		return ErrInvitation
	}
	return nil
}

func (h *Host) invitationMAC(in *wire.Invitation) (mac [16]byte) {
	var key [32]byte
	defer clear(key[:])
	labelInvitationKey.Expand(h.secrets.decoy[:], key[:])
	whole := labelInvitation.MAC(key[:], mustEncode(&wire.InvitationInput{
		Realm: h.key.Realm, ExpiresMs: in.ExpiresMs, Id: in.Id,
	}))
	return [16]byte(whole[:])
}

// A Link is an invitation as people pass it on: where the server is, what it lets its
// bearer do, and which key the server has.
type Link struct {
	Address    string // HOST:PORT
	Invitation wire.Invitation
	Pin        wire.KeyId
}

const linkScheme = "sotto://"

// ErrLink says that a text is not such a link.
var ErrLink = errors.New("not an invitation: it should read sotto://HOST:PORT/TOKEN#PIN")

var linkEncoding = base64.RawURLEncoding.Strict()

// URL returns the link. Who has it can use it, so it is not what String returns.
func (l *Link) URL() string {
	return linkScheme + l.Address + "/" + linkEncoding.EncodeToString(mustEncode(&l.Invitation)) +
		"#" + linkEncoding.EncodeToString(l.Pin[:])
}

// String shows where the invitation leads, and not the token.
func (l *Link) String() string { return "invitation to " + l.Address }

// GoString keeps %#v from showing what String hides.
func (l *Link) GoString() string { return l.String() }

// ParseLink reads a link. The error is ErrLink.
func ParseLink(text string) (*Link, error) {
	rest, ok := strings.CutPrefix(text, linkScheme)
	if !ok || strings.ContainsAny(rest, "\r\n") { // which base64 would pass over
		return nil, ErrLink
	}
	rest, pin, ok := strings.Cut(rest, "#")
	if !ok {
		return nil, ErrLink
	}
	address, token, ok := strings.Cut(rest, "/")
	if !ok || !isHostPort(address) {
		return nil, ErrLink
	}
	l := &Link{Address: address}
	b, err := linkEncoding.DecodeString(token)
	if err != nil || l.Invitation.UnmarshalBinary(b) != nil {
		return nil, ErrLink
	}
	if b, err = linkEncoding.DecodeString(pin); err != nil || len(b) != len(l.Pin) {
		return nil, ErrLink
	}
	l.Pin = wire.KeyId(b)
	return l, nil
}

// isHostPort reports whether a text has the form of HOST:PORT, with an IPv6 address in
// brackets. Whether there is such a host, who dials finds out.
func isHostPort(s string) bool {
	i := strings.LastIndexByte(s, ':')
	if i < 1 || len(s) > 300 {
		return false
	}
	host, port := s[:i], s[i+1:]
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return false
	}
	inner, bracketed := strings.CutPrefix(host, "[")
	if bracketed {
		if inner, bracketed = strings.CutSuffix(inner, "]"); !bracketed {
			return false
		}
	}
	for _, c := range []byte(inner) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		case bracketed && (c == ':' || c == '%'):
		default:
			return false
		}
	}
	return inner != ""
}
