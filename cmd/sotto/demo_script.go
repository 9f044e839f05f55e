package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"sotto/node/client"
	"sotto/node/login/channel"
	"sotto/node/login/classic"
)

// stepTime bounds each step of the script.
const stepTime = 30 * time.Second

// A play is the scripted conversation under way.
type play struct {
	*house
	step                     int
	alice, bob, charlie, eve *guest
}

// play runs the script. Each step prints what it does, then what happened.
func (h *house) play(ctx context.Context) (err error) {
	p := &play{house: h}
	defer func() { err = errors.Join(err, p.leave()) }()
	begun := time.Now()
	for _, s := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"Alice, Bob and Charlie log in; Eve stays offline", p.login},
		{"a wrong password is refused, and a name that nobody has gets the same answer", p.wrongPassword},
		{"Bob asks who is online", p.list},
		{"Bob and Alice write to each other, directly from socket to socket", p.bothWays},
		{"three of them send at once; each gets everything in order", p.atOnce},
		{"Alice sends Charlie a message of 1 MiB", p.longMessage},
		{"Bob writes to Eve, who is offline; it arrives when she comes", p.offline},
		{"a router between Bob and the server flips a bit of a packet", p.tamper},
	} {
		p.step++
		fmt.Printf("%d. %s\n", p.step, s.title)
		stepping, cancel := context.WithTimeout(ctx, stepTime)
		err := s.do(stepping)
		cancel()
		if err != nil {
			fmt.Printf("   FAILED: %v\n", err)
			return fail(exitInternal, "Demo: step %d failed: %v", p.step, err)
		}
	}
	fmt.Printf("\nAll %d steps done in %.1f s. To chat yourself: sotto demo, at a terminal.\n", p.step, time.Since(begun).Seconds())
	return nil
}

func (p *play) leave() (err error) {
	for _, g := range []*guest{p.alice, p.bob, p.charlie, p.eve} {
		if g != nil {
			err = errors.Join(err, g.leave())
		}
	}
	return err
}

// say prints a line of a user's line mode.
func say(name, line string) { fmt.Printf("   %-8s| %s\n", name, line) }

// await reads a user's events, printing each, until one is wanted.
func (g *guest) await(ctx context.Context, want func(client.Event) bool) error {
	for {
		select {
		case e, ok := <-g.Events():
			if !ok {
				return fmt.Errorf("%s's client ended", g.name)
			}
			g.print(e)
			if m, is := e.(client.Message); is {
				if err := g.Shown(ctx, m); err != nil {
					return err
				}
			}
			if want(e) {
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("%s waited for %v in vain", g.name, stepTime)
		}
	}
}

// print prints an event as line mode would, but long texts shortened.
func (g *guest) print(e client.Event) {
	if m, is := e.(client.Message); is && len(m.Text) > 60 {
		size := len(m.Text)
		m.Text = excerpt(m.Text, 40)
		line, _ := render(m, "", "", "")
		say(g.name, fmt.Sprintf("%s (%d bytes in all)", line, size))
		return
	}
	if line, _ := render(e, g.name, "", "server key matches"); line != "" {
		say(g.name, line)
	}
}

// gets waits for a message with a text from a user.
func (g *guest) gets(ctx context.Context, from, text string) error {
	return g.await(ctx, func(e client.Event) bool {
		m, is := e.(client.Message)
		return is && m.From == from && m.Text == text
	})
}

// told waits until a message is in a state.
func (g *guest) told(ctx context.Context, id client.MessageID, state client.State) error {
	return g.await(ctx, func(e client.Event) bool {
		s, is := e.(client.StateChanged)
		if !is || s.ID != id || s.State != state {
			return false
		}
		g.direct = s.Direct
		return true
	})
}

// writes sends a text and prints the command.
func (g *guest) writes(ctx context.Context, to, text string) (client.MessageID, error) {
	say(g.name, "> send "+to+" "+excerpt(text, 40))
	return g.Send(ctx, to, text)
}

// exchange sends a text and waits until it is read and its sender knows.
func exchange(ctx context.Context, from, to *guest, text string) error {
	id, err := from.writes(ctx, to.name, text)
	if err == nil {
		err = to.gets(ctx, from.name, text)
	}
	if err == nil {
		err = from.told(ctx, id, client.Delivered)
	}
	return err
}

func (p *play) login(ctx context.Context) (err error) {
	for _, g := range []struct {
		name string
		into **guest
	}{{"Alice", &p.alice}, {"Bob", &p.bob}, {"Charlie", &p.charlie}} {
		begun := time.Now()
		if *g.into, err = p.enter(ctx, g.name, g.name, nil); err != nil {
			return err
		}
		err := (*g.into).await(ctx, func(e client.Event) bool { _, is := e.(client.Connected); return is })
		if err != nil {
			return err
		}
		say(g.name, fmt.Sprintf("(%d ms, most of it the puzzle and the password's stretching)", time.Since(begun).Milliseconds()))
	}
	return nil
}

func (p *play) wrongPassword(ctx context.Context) error {
	var lines []string
	for _, name := range []string{"Eve", "Mallory"} {
		g, err := p.enter(ctx, name, "wrong", nil)
		if err == nil {
			g.leave()
			return fmt.Errorf("%s got in with a wrong password", name)
		}
		if !errors.Is(err, classic.ErrPassword) && !errors.Is(err, channel.ErrPassword) {
			return err
		}
		line := explain(err, name, p.addr.String()).line
		say(name, line)
		lines = append(lines, strings.ReplaceAll(line, name, "NAME"))
	}
	if lines[0] != lines[1] {
		return errors.New("the two answers differ")
	}
	return nil
}

func (p *play) list(ctx context.Context) error {
	say("Bob", "> list")
	users, err := p.bob.List(ctx)
	if err != nil {
		return err
	}
	for _, line := range strings.Split(renderList(users, "Bob"), "\n") {
		say("Bob", line)
	}
	online := map[string]bool{}
	for _, u := range users {
		online[u.Name] = u.Online
	}
	if !online["Alice"] || !online["Bob"] || !online["Charlie"] || online["Eve"] {
		return fmt.Errorf("online is %v", online)
	}
	return nil
}

func (p *play) bothWays(ctx context.Context) error {
	if err := exchange(ctx, p.bob, p.alice, "hello there"); err != nil {
		return err
	}
	if !p.bob.direct {
		return errors.New("the message went by the server")
	}
	return exchange(ctx, p.alice, p.bob, "hi Bob,   inner   spaces are kept")
}

// burst is how many messages each sends to each of the others at once.
const burst = 5

func (p *play) atOnce(ctx context.Context) error {
	three := []*guest{p.alice, p.bob, p.charlie}
	begun := time.Now()
	var all sync.WaitGroup
	failed := make([]error, 2*len(three))
	for i, g := range three {
		all.Go(func() {
			for n := range burst {
				for _, to := range three {
					if to == g {
						continue
					}
					if _, err := g.Send(ctx, to.name, fmt.Sprintf("%s's number %d", g.name, n+1)); err != nil {
						failed[2*i] = err
						return
					}
				}
			}
		})
		all.Go(func() { failed[2*i+1] = g.collect(ctx, 2*burst) })
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	say("all", fmt.Sprintf("%d messages sent and delivered in %d ms", len(three)*2*burst, time.Since(begun).Milliseconds()))
	return nil
}

// collect waits for n messages, in order from each sender, and n deliveries.
func (g *guest) collect(ctx context.Context, n int) error {
	last := map[string]int{}
	for in, out := 0, 0; in < n || out < n; {
		select {
		case e := <-g.Events():
			switch e := e.(type) {
			case client.Message:
				last[e.From]++
				if want := fmt.Sprintf("%s's number %d", e.From, last[e.From]); e.Text != want {
					return fmt.Errorf("%s got %q from %s, want %q", g.name, e.Text, e.From, want)
				}
				in++
				if err := g.Shown(ctx, e); err != nil {
					return err
				}
			case client.StateChanged:
				if e.State == client.Failed {
					return errors.New(renderState(e))
				}
				if e.State == client.Delivered {
					out++
				}
			}
		case <-ctx.Done():
			return fmt.Errorf("%s has %d messages and %d deliveries, want %d of each", g.name, in, out, n)
		}
	}
	return nil
}

func (p *play) longMessage(ctx context.Context) error {
	random := make([]byte, client.MaxText/2)
	if _, err := rand.Read(random); err != nil {
		return err
	}
	text := hex.EncodeToString(random)
	begun := time.Now()
	if err := exchange(ctx, p.alice, p.charlie, text); err != nil {
		return err
	}
	say("Charlie", fmt.Sprintf("(the same %d bytes, %d ms)", len(text), time.Since(begun).Milliseconds()))
	return nil
}

func (p *play) offline(ctx context.Context) error {
	id, err := p.bob.writes(ctx, "Eve", "are you there?")
	if err != nil {
		return err
	}
	if err := p.bob.told(ctx, id, client.Queued); err != nil {
		return err
	}
	if p.eve, err = p.enter(ctx, "Eve", "Eve", nil); err != nil {
		return err
	}
	if err := p.eve.gets(ctx, "Bob", "are you there?"); err != nil {
		return err
	}
	if err := p.bob.told(ctx, id, client.Delivered); err != nil {
		return err
	}
	return exchange(ctx, p.eve, p.bob, "now I am")
}

func (p *play) tamper(ctx context.Context) error {
	router, err := newTamperer(p.addr)
	if err != nil {
		return err
	}
	defer router.close()
	if err := p.bob.leave(); err != nil {
		return err
	}
	p.bob, err = p.enter(ctx, "Bob", "Bob", func(cfg *client.Config) {
		cfg.Servers = []netip.AddrPort{router.addr()}
		cfg.Relay = true // so that everything takes the way over the router
	})
	if err != nil {
		return err
	}
	before := p.bob.Counters().Forged
	router.armed.Store(true)
	id, err := p.alice.writes(ctx, "Bob", "this packet is flipped on its way")
	if err != nil {
		return err
	}
	if err := p.bob.gets(ctx, "Alice", "this packet is flipped on its way"); err != nil {
		return err
	}
	if err := p.alice.told(ctx, id, client.Delivered); err != nil {
		return err
	}
	forged := p.bob.Counters().Forged - before
	say("Bob", fmt.Sprintf("(bits flipped by the router: %d; packets dropped because they do not open: %d; the message came with the repeat)",
		router.bits.Load(), forged))
	if router.bits.Load() != 1 || forged != 1 {
		return errors.New("want one bit flipped and one packet dropped")
	}
	return nil
}
