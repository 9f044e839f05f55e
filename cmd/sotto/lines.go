package main

import (
	"fmt"
	"strings"
	"time"

	"sotto/node/client"
)

// render gives the line of an event, without the line break, and whether it
// tells of something wrong (stderr, where that is another place). "" means
// that the event is not shown.
func render(e client.Event, user, server, how string) (line string, wrong bool) {
	switch e := e.(type) {
	case client.Connected:
		if e.Again {
			return fmt.Sprintf("contact with %s again", e.Server), false
		}
		return fmt.Sprintf("connected to %s as %s, %s", e.Server, e.User, how), false
	case client.Lost:
		s := fmt.Sprintf("no contact with %s", server)
		if e.Waiting > 0 {
			s += fmt.Sprintf(", %d waiting", e.Waiting)
		}
		return fmt.Sprintf("%s, retry in %s", s, short(e.Retry)), true
	case client.Ended:
		return explain(e.Why, user, server).line, true
	case client.Message:
		note := ""
		if e.Late {
			note = "(late) "
		}
		return fmt.Sprintf("%s %s: %s%s", clock(e.Sent), e.From, note, printable(e.Text)), false
	case client.Gap:
		return fmt.Sprintf("missing: %s from %s did not arrive", count(e.Missing, "message"), e.From), true
	case client.Unreadable:
		from := ""
		if e.From != "" {
			from = " that says it is from " + e.From
		}
		return fmt.Sprintf("not accepted: a message%s: %v", from, e.Why), true
	case client.StateChanged:
		return renderState(e), e.State == client.Failed
	case client.KeyChanged:
		return keyChangedEvent(e), true
	case client.AccountChanged:
		return accountChanged(e), e.Own
	case client.ServerKeyRenewed:
		return fmt.Sprintf("Server key renewed on %s, signed by the old one. It is now %s", e.Since.Local().Format("2 Jan"), e.Fingerprint), false
	case client.Held:
		return fmt.Sprintf("%s to %s not delivered yet; the server holds them", count(uint64(e.Messages), "message"), e.To), false
	case client.RateLimited:
		return fmt.Sprintf("Slow down: the server takes no more for now. Yours to %s is queued and goes out in %s.", e.To, short(e.Retry)), true
	case client.Notice:
		return e.Text, true
	}
	return "", false
}

func renderState(e client.StateChanged) string {
	at := clock(e.At)
	switch e.State {
	case client.Queued:
		if e.Held {
			return fmt.Sprintf("queued for %s %s, message %s: %s is offline; the server holds it, sealed, for up to 30 days", e.To, at, e.ID.Short(), e.To)
		}
		return fmt.Sprintf("queued for %s %s, message %s: no contact; it is kept and goes out by itself", e.To, at, e.ID.Short())
	case client.Sent:
		return fmt.Sprintf("sent to %s %s, message %s", e.To, at, e.ID.Short())
	case client.Delivered:
		return fmt.Sprintf("message %s delivered", e.ID.Short())
	}
	return fmt.Sprintf("message %s to %s failed: %s", e.ID.Short(), e.To, e.Why)
}

// accountChanged says what is new of an account. Of our own it is a warning.
func accountChanged(e client.AccountChanged) string {
	var parts []string
	for _, name := range e.Added {
		parts = append(parts, fmt.Sprintf("added a device %q", printable(name)))
	}
	for _, name := range e.Removed {
		parts = append(parts, fmt.Sprintf("removed a device %q", printable(name)))
	}
	switch {
	case e.Rotated && e.Own:
		parts = append(parts, "gave the account new keys")
	case e.Rotated:
		parts = append(parts, "has new keys")
	}
	what := strings.Join(parts, " and ")
	if e.Own {
		return fmt.Sprintf("Somebody with your password %s. If it was not you, tell the server's admin. See: devices", what)
	}
	return fmt.Sprintf("%s %s, signed by the account's keys", e.User, what)
}

func keyChangedEvent(e client.KeyChanged) string {
	return fmt.Sprintf("%s's key is new and not signed by the old one (a new key on the server, or someone else). Nothing is sent to %s until you "+
		"compare: verify %s   or go on unverified: trust %s %s   (new key: %s)", e.User, e.User, e.User, e.User, e.Fingerprint[:min(5, len(e.Fingerprint))], e.Fingerprint)
}

// renderList gives the lines of `list`: who is online, and whose key is new.
func renderList(users []client.User, self string) string {
	var online, offline []string
	for _, u := range users {
		if u.Name == self {
			continue
		}
		s := u.Name
		switch {
		case u.KeyChanged:
			s += " (key changed)"
		case u.Verified:
			s += " (verified)"
		default:
			s += " (not compared)"
		}
		if u.Online {
			online = append(online, s)
		} else {
			offline = append(offline, u.Name)
		}
	}
	if len(online) == 0 {
		online = []string{"nobody else"}
	}
	s := "online: " + strings.Join(online, ", ")
	if len(offline) > 0 {
		s += "\noffline: " + strings.Join(offline, ", ")
	}
	return s
}

func clock(t time.Time) string { return t.Local().Format("15:04") }

func count(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// short writes a wait as people say it.
func short(d time.Duration) string {
	if d < time.Second {
		return "under 1 s"
	}
	return fmt.Sprintf("%d s", int(d.Seconds()+0.5))
}
