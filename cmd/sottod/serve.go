package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"sotto/node/internet"
	"sotto/node/server"
	"sotto/node/server/deployment"
)

// serve is sottod -sp PORT.
func serve(ctx context.Context, o *options) error {
	if o.port < 0 || o.port > 65535 {
		return fail(exitUsage, "Cannot listen on port %d: a port is 1 to 65535, or 0 for a free one.", o.port)
	}
	if o.sockets < 1 || o.sockets > maxSockets {
		return fail(exitUsage, "Cannot listen on %d sockets: -sockets takes 1 to %d.", o.sockets, maxSockets)
	}
	where := net.JoinHostPort(o.host, strconv.Itoa(o.port))
	addr, err := net.ResolveUDPAddr("udp", where)
	if err != nil {
		return fail(exitNoContact, "Cannot listen on udp %s: %v. Give an address of this machine with -sip.", where, err)
	}
	d, made, err := openServed(o)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := checkDemo(ctx, d, addr, o); err != nil {
		return err
	}
	socks, err := listen(ctx, addr, o.sockets)
	if err != nil {
		return listenFailure(where, err)
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	srv, err := server.New(ctx, server.Config{
		Engine: d.Engine, Host: d.Keys.Host, Keys: d.Keys.Server, Socket: socks[0], More: socks[1:], Log: log,
	})
	if err != nil {
		return stateFailure("start the server", o.state, err)
	}
	users := strconv.Itoa(srv.Users()) + " users"
	if srv.Users() == 1 {
		users = "1 user"
	}
	fmt.Fprintf(stdout, "Listening on udp %s, %s, server key %s\n", srv.Addr(), users, srv.Fingerprint())
	if err := d.NoteAddress(srv.Addr()); err != nil {
		log.Warn("the address was not noted; sottod invite needs -host", "why", err)
	}
	if made {
		if err := welcome(d, srv.Addr()); err != nil {
			return err
		}
	}
	err = srv.Serve(ctx)
	log.Info("stopped", "counted", srv.Counters(), "packets", srv.Packets())
	return err
}

// openServed opens the state to serve. In the default tier a server's first run
// makes its keys; made reports that.
func openServed(o *options) (d *deployment.Deployment, made bool, err error) {
	if o.classic {
		d, err = openState("start the server", o)
		return d, false, err
	}
	d, made, err = deployment.OpenOrCreate(o.state, deployment.Default)
	if err != nil {
		return nil, false, stateFailure("start the server", o.state, err)
	}
	return d, made, nil
}

// welcome says what to do with a server that nobody uses yet.
func welcome(d *deployment.Deployment, addr netip.AddrPort) error {
	link, err := invitation(d.Keys.Host, dialled(addr), time.Now().Add(inviteLife))
	if err != nil {
		return fmt.Errorf("invite the first user: %w", err)
	}
	fmt.Fprintf(stdout, "Made keys for a new server in %s. It has no users yet; an invitation for one, good for 24 hours:\n\n  sotto join %s\n\n", d.Dir, link)
	return nil
}

// checkDemo refuses to show demo users, whose passwords everybody knows, to
// anybody but this machine.
func checkDemo(ctx context.Context, d *deployment.Deployment, addr *net.UDPAddr, o *options) error {
	if addr.IP.IsLoopback() || o.allowDemo {
		return nil
	}
	demo, err := d.Demo(ctx)
	if err != nil {
		return stateFailure("start the server", o.state, err)
	}
	if demo {
		return fail(exitUsage, "Refused to listen on %s: everybody knows the passwords of the demo users in %s. Serve on 127.0.0.1, use another -state folder, or say -allow-demo.", addr, o.state)
	}
	return nil
}

// maxSockets is more than any machine has processors for.
const maxSockets = 256

// listen opens the sockets. A single one has its address for itself.
func listen(ctx context.Context, addr *net.UDPAddr, n int) ([]net.PacketConn, error) {
	if n == 1 {
		sock, err := net.ListenUDP("udp", addr)
		return []net.PacketConn{sock}, err
	}
	at := addr.AddrPort()
	if addr.IP == nil {
		at = netip.AddrPortFrom(netip.IPv6Unspecified(), at.Port())
	}
	return internet.ListenShared(ctx, netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), n)
}

// listenFailure says why the socket could not be opened.
func listenFailure(where string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fail(exitNoContact, "Cannot listen on udp %s: the port is in use by another program. Stop that, or choose another port with -sp.", where)
	case errors.Is(err, syscall.EACCES):
		return fail(exitNoContact, "Cannot listen on udp %s: not allowed. Choose a port above 1023 with -sp.", where)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fail(exitNoContact, "Cannot listen on udp %s: this machine has no such address. Choose another with -sip.", where)
	}
	return fail(exitNoContact, "Cannot listen on udp %s: %v.", where, err)
}
