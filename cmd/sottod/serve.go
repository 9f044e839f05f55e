package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"syscall"

	"sotto/node/server"
	"sotto/node/server/deployment"
)

// serve is sottod -sp PORT.
func serve(ctx context.Context, o *options) error {
	if o.port < 0 || o.port > 65535 {
		return fail(exitUsage, "Cannot listen on port %d: a port is 1 to 65535, or 0 for a free one.", o.port)
	}
	where := net.JoinHostPort(o.host, strconv.Itoa(o.port))
	addr, err := net.ResolveUDPAddr("udp", where)
	if err != nil {
		return fail(exitNoContact, "Cannot listen on udp %s: %v. Give an address of this machine with -sip.", where, err)
	}
	d, err := openState("start the server", o)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := checkDemo(ctx, d, addr, o); err != nil {
		return err
	}
	sock, err := net.ListenUDP("udp", addr)
	if err != nil {
		return listenFailure(where, err)
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	srv, err := server.New(ctx, server.Config{Engine: d.Engine, Keys: d.Keys, Socket: sock, Log: log})
	if err != nil {
		return stateFailure("start the server", o.state, err)
	}
	users := strconv.Itoa(srv.Users()) + " users"
	if srv.Users() == 1 {
		users = "1 user"
	}
	fmt.Fprintf(stdout, "Listening on udp %s, %s, server key %s\n", srv.Addr(), users, srv.Fingerprint())
	err = srv.Serve(ctx)
	log.Info("stopped", "counted", srv.Counters())
	return err
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
