package keys

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"sotto/wire"
)

func TestInvitation(t *testing.T) {
	h := testHost(t)
	in, err := h.Invite(rand.Reader, testNow.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.CheckInvitation(testNow, &in); err != nil {
		t.Error(err)
	}
	if err := h.Rotate(rand.Reader, testNow); err != nil {
		t.Fatal(err)
	}
	if err := h.CheckInvitation(testNow, &in); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	later, id, mac := in, in, in
	later.ExpiresMs++
	id.Id[0] ^= 1
	mac.Mac[15] ^= 1
	for name, err := range map[string]error{
		"expired":       h.CheckInvitation(testNow.Add(time.Hour), &in),
		"other expiry":  h.CheckInvitation(testNow, &later),
		"other id":      h.CheckInvitation(testNow, &id),
		"other mac":     h.CheckInvitation(testNow, &mac),
		"other server":  testHost(t).CheckInvitation(testNow, &in),
		"no invitation": h.CheckInvitation(testNow, &wire.Invitation{ExpiresMs: 1 << 62}),
		"before 1970":   h.CheckInvitation(time.UnixMilli(-5), &in),
	} {
		if err != ErrInvitation {
			t.Errorf("%s: error = %v, want %v", name, err, ErrInvitation)
		}
	}
}

func TestLink(t *testing.T) {
	h := testHost(t)
	in, err := h.Invite(rand.Reader, testNow)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"chat.example.org:5000", "127.0.0.1:1", "[::1]:65535", "[fe80::1%eth0]:5000", "localhost:5000"} {
		l := &Link{Address: address, Invitation: in, Pin: h.Id()}
		got, err := ParseLink(l.URL())
		if err != nil || *got != *l {
			t.Errorf("%s: %v, %v", l.URL(), got, err)
		}
		if shown := fmt.Sprintf("%v %+v %#v", l, l, l); strings.Contains(shown, l.URL()[len("sotto://")+len(address):][:12]) {
			t.Errorf("the token is shown: %s", shown)
		}
	}
	good := (&Link{Address: "host:5000", Invitation: in, Pin: h.Id()}).URL()
	token := good[strings.LastIndex(good, "/")+1 : strings.Index(good, "#")]
	pin := good[strings.Index(good, "#")+1:]
	for _, text := range []string{
		"", "sotto://", "http://host:5000/" + token + "#" + pin, "sotto://host:5000/" + token,
		"sotto://host/" + token + "#" + pin, "sotto://:5000/" + token + "#" + pin,
		"sotto://host:0/" + token + "#" + pin, "sotto://host:65536/" + token + "#" + pin,
		"sotto://host:05000/" + token + "#" + pin, "sotto://ho st:5000/" + token + "#" + pin,
		"sotto://host\x1b[2J:5000/" + token + "#" + pin, "sotto://[::1:5000/" + token + "#" + pin,
		"sotto://::1:5000/" + token + "#" + pin, "sotto://[]:5000/" + token + "#" + pin,
		"sotto://host:5000/" + token[1:] + "#" + pin, "sotto://host:5000/" + token + "A#" + pin,
		"sotto://host:5000/" + token + "#" + pin[1:], "sotto://host:5000/" + token + "#" + pin + "A",
		"sotto://host:5000/" + token + "#" + pin + "=", "sotto://host:5000/" + token + "/#" + pin,
		"sotto://host:5000/" + token + "\n#" + pin, good + "\n", " " + good,
		strings.Replace(good, "host", strings.Repeat("x", 400), 1),
	} {
		if _, err := ParseLink(text); err != ErrLink {
			t.Errorf("%q: error = %v, want %v", text, err, ErrLink)
		}
	}
}
