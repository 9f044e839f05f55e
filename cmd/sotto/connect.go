package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"slices"

	"sotto/node/client"
	"sotto/node/client/profile"
)

// A connection is an open profile and, after login, a client on it.
type connection struct {
	profile *profile.Profile
	servers []netip.AddrPort
	client  *client.Client
	how     string // how the server's key is known, for the first line
	name    string // of the server, HOST:PORT
}

// openProfile finds the server's addresses and opens the profile of the user
// there.
func openProfile(ctx context.Context, o *options) (*connection, error) {
	servers, err := resolve(ctx, o)
	if err != nil {
		return nil, err
	}
	p, err := openFolder(o)
	if err != nil {
		return nil, err
	}
	return &connection{profile: p, servers: servers, name: o.server()}, nil
}

// openFolder opens the profile alone.
func openFolder(o *options) (*profile.Profile, error) {
	root, err := o.stateFolder()
	if err != nil {
		return nil, err
	}
	p, err := profile.Open(profile.Dir(root, o.user, profileServer(o)))
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return nil, fail(exitLocked, "Cannot open the profile of %s on %s: %v. Name another folder with -state.", printable(o.user), printable(o.server()), path)
	}
	return p, err
}

// profileServer is the server's name in a profile: the loopback interface has
// one name.
func profileServer(o *options) string {
	copied := *o
	if o.host == "localhost" {
		copied.host = "127.0.0.1"
	}
	return copied.server()
}

// resolve gives the server's addresses. IPv4 comes first for this machine's
// own server, which listens on 127.0.0.1 unless told otherwise.
func resolve(ctx context.Context, o *options) ([]netip.AddrPort, error) {
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", o.host)
	if err != nil {
		var dns *net.DNSError
		if ctx.Err() == nil && !errors.As(err, &dns) {
			err = &net.DNSError{Err: err.Error(), Name: o.host}
		}
		return nil, err
	}
	var addrs []netip.AddrPort
	for _, ip := range ips {
		addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), uint16(o.port)))
	}
	if allLoopback(addrs) {
		slices.SortStableFunc(addrs, func(a, b netip.AddrPort) int { return cmp.Compare(a.Addr().BitLen(), b.Addr().BitLen()) })
	}
	return slices.Compact(addrs), nil
}

// login logs in on an open profile.
func (c *connection) login(ctx context.Context, o *options, in *bufio.Reader) error {
	key, err := findServerKey(ctx, o, c.profile, c.servers, in)
	if err != nil {
		return err
	}
	passphrase, known, err := c.unlock(ctx, o, key)
	if err != nil {
		return err
	}
	var password []byte
	if !known || o.passwordsGiven() > 0 { // else this device has a key of its own, and nobody insists
		if password, err = readPassword(ctx, o, in, allLoopback(c.servers)); err != nil {
			return err
		}
	}
	c.client, err = client.Open(ctx, client.Config{
		User:       o.user,
		Password:   password,
		Passphrase: passphrase,
		Servers:    c.servers,
		ServerKey:  key.key,
		Profile:    c.profile,
		Relay:      o.relay,
	})
	if other := (*client.ServerKeyError)(nil); errors.As(err, &other) && !key.pinned {
		return fail(exitKeyChanged, "STOP. %s shows another key than %s holds: someone may be in between, or it is another server. Password not sent. "+
			"(in the file: %s; shown: %s)", o.server(), cmp.Or(key.from, "the one accepted"), other.Pinned, other.Shown)
	}
	if silent := (*client.NoAnswerError)(nil); password == nil && errors.As(err, &silent) && silent.Why != nil {
		return fail(exitNoContact, "No session with %s (%s, UDP): %v. Try again. If this device was removed from the account, or the account was reset, "+
			"the password makes it known again: -p -", o.server(), silent.Server, silent.Why)
	}
	if err != nil {
		return err
	}
	switch {
	case key.pinned:
		c.how = "server key matches"
	case key.from != "":
		c.how = "server key from " + key.from
	default:
		c.how = "server key accepted"
	}
	return key.pin(ctx, c.profile, c.client.ServerKey())
}

// close ends the client, if there is one, and then the profile.
func (c *connection) close() error {
	var err error
	if c.client != nil {
		err = c.client.Close()
	}
	return errors.Join(err, c.profile.Close())
}
