package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/term"

	"sotto/node/client"
	"sotto/node/client/profile"
	"sotto/node/keys"
	"sotto/node/server"
	"sotto/node/server/deployment"
)

// The demo is the whole system on this machine: a server on a free loopback
// port, in this process, with the four demo users, in a folder that is removed
// in the end. Everything goes over real UDP sockets.
//
// At a terminal the person is Bob and the others answer. Without one, or as
// `sotto demo script`, a scripted conversation is played; it prints each step
// as it happens and fails with the first step that fails.
func demo(ctx context.Context, o *options) error {
	script := len(o.args) == 1
	if script && o.args[0] != "script" {
		return fail(exitUsage, "sotto: usage: sotto demo %s", commands["demo"].usage)
	}
	script = script || !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stdout.Fd()))
	dir, err := os.MkdirTemp("", "sotto-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer os.RemoveAll(dir)
	tier := deployment.Default
	if o.classic {
		tier = deployment.Classic
	}
	h, err := openHouse(ctx, dir, tier)
	if err != nil {
		return err
	}
	if script {
		err = h.play(ctx)
	} else {
		err = h.host(ctx, o)
	}
	return errors.Join(err, h.close())
}

// A house is the demo's server and where its users keep their state.
type house struct {
	dir    string
	state  *deployment.Deployment
	server *server.Server
	addr   netip.AddrPort
	stop   context.CancelFunc
	done   chan error
}

// openHouse makes the keys and starts the server.
func openHouse(ctx context.Context, dir string, tier deployment.Tier) (*house, error) {
	what := "keys"
	if tier == deployment.Classic {
		what = fmt.Sprintf("RSA keys of %d bits", keys.Bits)
	}
	fmt.Printf("Making %s for a server and for %s, %s, %s and %s.\n", what, demoNames[0], demoNames[1], demoNames[2], demoNames[3])
	begun := time.Now()
	state := filepath.Join(dir, "sottod")
	if err := deployment.CreateDemo(ctx, state, tier); err != nil {
		return nil, fmt.Errorf("make the demo's server: %w", err)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	h := &house{dir: dir, done: make(chan error, 1)}
	var err error
	if h.state, err = deployment.Open(state, tier); err != nil {
		return nil, fmt.Errorf("open the demo's server: %w", err)
	}
	sock, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		h.state.Close()
		return nil, fmt.Errorf("open a UDP socket for the demo's server: %w", err)
	}
	h.server, err = server.New(ctx, server.Config{
		Engine: h.state.Engine, Host: h.state.Keys.Host, Keys: h.state.Keys.Server, Socket: sock,
	})
	if err != nil {
		h.state.Close()
		return nil, fmt.Errorf("start the demo's server: %w", err)
	}
	h.addr = h.server.Addr()
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = stop
	go func() { h.done <- h.server.Serve(serving) }()
	fmt.Printf("Server on udp %s after %.1f s, key %s\n\n", h.addr, time.Since(begun).Seconds(), h.server.Fingerprint())
	return h, nil
}

// key is the server's, as its users know it.
func (h *house) key() *client.ServerKey {
	if server := h.state.Keys.Server; server != nil {
		return client.NewClassicServerKey(server.Identity.Public())
	}
	key := h.state.Keys.Host.Key()
	return client.NewServerKey(&key)
}

func (h *house) close() error {
	h.stop()
	return errors.Join(<-h.done, h.state.Close())
}

// A guest is a demo user with his own profile and client.
type guest struct {
	name    string
	profile *profile.Profile
	direct  bool // the latest message that was told of went directly
	*client.Client
}

// enter logs a user in. how may change the way he does it.
func (h *house) enter(ctx context.Context, name, password string, how func(*client.Config)) (*guest, error) {
	p, err := profile.Open(profile.Dir(filepath.Join(h.dir, "sotto"), name, h.addr.String()))
	if err != nil {
		return nil, err
	}
	cfg := client.Config{
		User:      name,
		Password:  []byte(password),
		Servers:   []netip.AddrPort{h.addr},
		ServerKey: h.key(),
		Profile:   p,
	}
	if how != nil {
		how(&cfg)
	}
	c, err := client.Open(ctx, cfg)
	if err != nil {
		p.Close()
		return nil, err
	}
	return &guest{name: name, profile: p, Client: c}, nil
}

func (g *guest) leave() error {
	return errors.Join(g.Client.Close(), g.profile.Close())
}

// host lets the person chat as Bob while the others answer.
func (h *house) host(ctx context.Context, o *options) error {
	for _, name := range []string{"Alice", "Charlie"} {
		g, err := h.enter(ctx, name, name, nil)
		if err != nil {
			return err
		}
		defer g.leave()
		go g.answer(ctx)
	}
	bob, err := h.enter(ctx, "Bob", "Bob", nil)
	if err != nil {
		return err
	}
	defer bob.leave()
	go h.comeLater(ctx, "Eve")
	fmt.Printf("You are Bob. Alice and Charlie are online and answer; Eve comes in %v. Try: list\n"+
		"send Alice hello there, send Eve are you there?, verify Alice, quit.\n\n", eveComes)
	screen, err := newScreen(bufio.NewReader(os.Stdin))
	if err != nil {
		return err
	}
	defer screen.close()
	s := &session{
		screen: screen,
		client: bob.Client,
		user:   bob.User(),
		server: h.addr.String(),
		how:    "server key from this process",
		invite: func(context.Context) (string, error) {
			return "", fail(exitUsage, "The demo's server ends with you: it invites nobody.")
		},
		wait: o.timeout,
	}
	return s.run(ctx)
}

// eveComes is when the user who is offline at first comes online.
const eveComes = 20 * time.Second

// comeLater brings a user online after a while and answers for her.
func (h *house) comeLater(ctx context.Context, name string) {
	select {
	case <-time.After(eveComes):
	case <-ctx.Done():
		return
	}
	g, err := h.enter(ctx, name, name, nil)
	if err != nil {
		return
	}
	defer g.leave()
	g.answer(ctx)
}

// answer replies to each message until ctx or the client ends.
func (g *guest) answer(ctx context.Context) {
	for n := 1; ; {
		select {
		case e, ok := <-g.Events():
			if !ok {
				return
			}
			m, is := e.(client.Message)
			if !is {
				continue
			}
			g.Shown(ctx, m)
			g.Send(ctx, m.From, reply(n, m))
			n++
		case <-ctx.Done():
			return
		}
	}
}

// reply is what a demo user says to a message.
func reply(n int, m client.Message) string {
	words := len([]rune(m.Text))
	switch n % 4 {
	case 1:
		return fmt.Sprintf("hi %s, I got your %s", m.From, count(uint64(words), "letter"))
	case 2:
		return "that was sealed for me alone: the server carried it, or nobody did, and could not read it"
	case 3:
		return fmt.Sprintf("%q, you say", excerpt(m.Text, 40))
	}
	return "tell me more"
}

// excerpt gives the beginning of a text.
func excerpt(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:n]) + "…"
}
