package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"sotto/node/client"
	"sotto/node/client/profile"
)

// publicKeyMax bounds what is read of a file that should hold a public key.
const publicKeyMax = 64 << 10

// A serverKey is the key that a login trusts, and how it came to be trusted.
type serverKey struct {
	key    *client.ServerKey
	pinned bool   // known from last time
	from   string // else: the file it was read from, or "" if a person accepted it
}

// findServerKey gives the key to log in with: the pinned one; else the file
// that was named; else, for a server on this machine, its own file; else the
// server is asked and a person says whether it is the right one.
func findServerKey(ctx context.Context, o *options, p *profile.Profile, servers []netip.AddrPort, in *bufio.Reader) (*serverKey, error) {
	var named *client.ServerKey
	if o.serverKey != "" {
		var err error
		if named, err = readPublicKey(o.serverKey); err != nil {
			return nil, fail(exitUsage, "Cannot read the server's key: %v. Give the server's file server.pub.", err)
		}
		if err := o.checkTier(named, o.serverKey+" holds the key of"); err != nil {
			return nil, err
		}
	}
	pinned, err := pinnedKey(ctx, p)
	if pinned != nil && err == nil {
		err = o.checkTier(pinned, "This profile knows "+o.server()+" as")
	}
	switch {
	case err != nil:
		return nil, err
	case pinned != nil && named != nil && !pinned.Equal(named):
		return nil, fail(exitKeyChanged, "STOP. %s is not the key that this profile knows of %s: someone may be in between. Password not sent. "+
			"If the admin told you: sotto trust-server --accept DIGITS   (known: %s; in the file: %s)",
			o.serverKey, o.server(), pinned.Fingerprint(), named.Fingerprint())
	case pinned != nil:
		return &serverKey{key: pinned, pinned: true}, nil
	case named != nil:
		return &serverKey{key: named, from: o.serverKey}, nil
	}
	if allLoopback(servers) {
		path, err := localKeyFile(o)
		if err != nil {
			return nil, err
		}
		switch key, err := readPublicKey(path); {
		case err == nil:
			if err := o.checkTier(key, path+" holds the key of"); err != nil {
				return nil, err
			}
			return &serverKey{key: key, from: path}, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fail(exitUsage, "Cannot read the key of the server on this machine: %v. Name a copy of it with -server-key.", err)
		}
	}
	key, err := askServerKey(ctx, o, servers, in)
	if err != nil {
		return nil, err
	}
	return &serverKey{key: key}, nil
}

// checkTier refuses a key of the other tier than the one that the command line
// names. what says where the key is from.
func (o *options) checkTier(k *client.ServerKey, what string) error {
	switch {
	case k.Classic() && !o.classic:
		return fail(exitUsage, "%s a server of the classic tier. Say -classic to talk to it, or use another -state folder.", what)
	case !k.Classic() && o.classic:
		return fail(exitUsage, "%s a server of the default tier, which does not go back: leave -classic out.", what)
	}
	return nil
}

// pin remembers the present key of the server after a login has succeeded: a key
// that did not work is not worth a memory.
func (k *serverKey) pin(ctx context.Context, p *profile.Profile, present *client.ServerKey) error {
	if k.pinned {
		return nil
	}
	return p.PinServerKey(ctx, present.Pin())
}

func pinnedKey(ctx context.Context, p *profile.Profile) (*client.ServerKey, error) {
	b, err := p.ServerKey(ctx)
	if errors.Is(err, profile.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	key, err := client.ParsePin(b)
	if err != nil {
		return nil, fail(exitLocked, "The profile is damaged: %v.", err)
	}
	return key, nil
}

// localKeyFile is where a server on this machine keeps its public key.
func localKeyFile(o *options) (string, error) {
	dir := o.serverState
	if dir == "" {
		var err error
		if dir, err = stateHome("sottod"); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "server.pub"), nil
}

func readPublicKey(path string) (*client.ServerKey, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > publicKeyMax || !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a file with a public key", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := client.ParseServerKeyFile(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// askServerKey asks the server for its key and a person whether it is the
// right one.
func askServerKey(ctx context.Context, o *options, servers []netip.AddrPort, in *bufio.Reader) (*client.ServerKey, error) {
	key, _, err := client.AskServerKey(ctx, client.Config{Servers: servers}, o.classic)
	if err != nil {
		return nil, err
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, fail(exitKeyChanged, "The key of %s is not known yet, and there is nobody to ask. It shows the key %s. "+
			"If that is right: sotto ... -server-key FILE, or start once at a terminal. Password not sent.", o.server(), key.Fingerprint())
	}
	fmt.Fprintf(os.Stderr, "First contact with %s. It shows the key\n\n  %s\n\nCompare it with what its admin says. Is it the same? (yes/no) ", o.server(), key.Fingerprint())
	answer := make(chan string, 1)
	go func() {
		line, _ := in.ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		if strings.ToLower(strings.TrimSpace(line)) != "yes" {
			return nil, fail(exitKeyChanged, "Not accepted. Password not sent.")
		}
		return key, nil
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr)
		return nil, ctx.Err()
	}
}

// trustServer accepts the key that the server shows now, if the digits are those of
// its fingerprint. All of them count: who is in between makes a key that begins with
// the first few within seconds.
func trustServer(ctx context.Context, o *options, p *profile.Profile, servers []netip.AddrPort) error {
	if o.args[0] != "--accept" && o.args[0] != "-accept" {
		return fail(exitUsage, "sotto: usage: sotto [flags] trust-server %s", commands["trust-server"].usage)
	}
	typed := strings.Join(strings.Fields(strings.Join(o.args[1:], "")), "")
	old, err := pinnedKey(ctx, p)
	if old != nil && err == nil {
		err = o.checkTier(old, "This profile knows "+o.server()+" as")
	}
	if err != nil {
		return err
	}
	key, _, err := client.AskServerKey(ctx, client.Config{Servers: servers}, o.classic)
	if err != nil {
		return err
	}
	shown := strings.ReplaceAll(key.Fingerprint(), " ", "")
	switch {
	case typed == shown:
	case len(typed) >= 5 && strings.HasPrefix(shown, typed):
		return fail(exitKeyChanged, "These are only the first %d digits of the key that %s shows, and it is easy to make one that begins so. "+
			"Give all %d that the admin has told you. Nothing changed.", len(typed), o.server(), len(shown))
	default:
		return fail(exitKeyChanged, "These are not the digits of the key that %s shows: %s. Nothing changed.", o.server(), key.Fingerprint())
	}
	switch {
	case old == nil:
		err = p.PinServerKey(ctx, key.Pin())
	case old.Equal(key):
		return answer(o.server() + " is known with this key already.")
	case leads(ctx, old, key, servers):
		return answer(o.server() + " has renewed its key, signed by the old one: there is nothing to accept.")
	default:
		err = p.ReplaceServerKey(ctx, old.Pin(), key.Pin())
	}
	if err != nil {
		return err
	}
	return answer(fmt.Sprintf("The key of %s is now %s.", o.server(), key.Fingerprint()))
}

// leads reports whether a key that is known has led to the one that the server shows.
func leads(ctx context.Context, old, key *client.ServerKey, servers []netip.AddrPort) bool {
	if old.Classic() {
		return false
	}
	followed, err := client.FollowServerKey(ctx, client.Config{Servers: servers}, old.Id())
	return err == nil && followed.Equal(key)
}
