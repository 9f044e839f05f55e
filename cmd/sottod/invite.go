package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"sotto/node/keys"
	"sotto/node/server/deployment"
)

// inviteLife is how long an invitation is good unless -expires says otherwise.
const inviteLife = 24 * time.Hour

// inviteMax is the longest that an invitation may be good.
const inviteMax = 365 * 24 * time.Hour

// invite is sottod invite. It locks nothing, so it works beside a server.
func invite(ctx context.Context, o *options, args []string) error {
	set := flag.NewFlagSet("invite", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	life := set.Duration("expires", inviteLife, "")
	host := set.String("host", "", "")
	if err := parse(set, args); err != nil {
		return err
	}
	switch {
	case set.NArg() > 0:
		return fail(exitUsage, "invite takes flags only: sottod invite -expires 24h -host NAME:PORT.")
	case o.classic:
		return fail(exitUsage, "invite is of the default tier: leave -classic out, or make a user with sottod -classic user add.")
	case *life < time.Minute || *life > inviteMax:
		return fail(exitUsage, "Cannot invite for %v: an invitation is good for a minute to a year.", *life)
	}
	k, err := deployment.ReadKeys(o.state, deployment.Default)
	if err != nil {
		return stateFailure("invite", o.state, err)
	}
	where := *host
	if where == "" {
		addr, err := deployment.ReadAddress(o.state)
		if errors.Is(err, deployment.ErrNoAddress) {
			return fail(exitUsage, "Cannot invite: this server has not run yet. Say where guests will find it: -host NAME:PORT.")
		} else if err != nil {
			return stateFailure("invite", o.state, err)
		}
		where = dialled(addr)
	}
	link, err := invitation(k.Host, where, time.Now().Add(*life))
	if err != nil {
		return fail(exitUsage, "Cannot invite to %q: %v. Give -host NAME:PORT.", where, err)
	}
	fmt.Fprintln(stdout, link)
	return nil
}

// invitation returns the link of a new invitation.
func invitation(h *keys.Host, where string, expires time.Time) (string, error) {
	in, err := h.Invite(rand.Reader, expires)
	if err != nil {
		return "", err
	}
	link := (&keys.Link{Address: where, Invitation: in, Pin: h.Id()}).URL()
	_, err = keys.ParseLink(link) // who gets it will do no less
	return link, err
}

// dialled is what guests dial to reach a server that listens there: of one that
// listens on all addresses, the machine's name.
func dialled(addr netip.AddrPort) string {
	if !addr.Addr().IsUnspecified() {
		return addr.String()
	}
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "localhost"
	}
	return net.JoinHostPort(name, strconv.Itoa(int(addr.Port())))
}
