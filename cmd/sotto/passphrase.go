package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"sotto/node/client"
	"sotto/node/client/profile"
	"sotto/node/keys"
)

// unlock finds out whether this device can log in by itself, and gives the
// passphrase of its keys where they have one.
func (c *connection) unlock(ctx context.Context, o *options, key *serverKey) (passphrase []byte, known bool, err error) {
	if key.key.Classic() {
		return nil, false, nil
	}
	if o.passphrase != "" {
		if passphrase, err = passwordFile(o.passphrase); err != nil {
			return nil, false, err
		}
	}
	cfg := client.Config{User: o.user, Passphrase: passphrase, ServerKey: key.key, Profile: c.profile}
	known, err = client.DeviceKnown(ctx, cfg)
	if errors.Is(err, keys.ErrPassphraseNeeded) && term.IsTerminal(int(os.Stdin.Fd())) {
		if cfg.Passphrase, err = askPassword(ctx, "Passphrase of this device's keys: "); err != nil {
			return nil, false, err
		}
		known, err = client.DeviceKnown(ctx, cfg)
	}
	switch {
	case errors.Is(err, keys.ErrPassphraseNeeded):
		return nil, false, fail(exitLocked, "The keys of this device are under a passphrase, and there is no terminal to ask at. Use -passphrase-file FILE.")
	case errors.Is(err, keys.ErrPassphrase):
		return nil, false, fail(exitLocked, "Wrong passphrase for the keys of this device.")
	}
	return cfg.Passphrase, known, err
}

// setPassphrase puts the keys of this device under a passphrase, or under none.
func (c *connection) setPassphrase(ctx context.Context, o *options, in *bufio.Reader) error {
	key, err := findServerKey(ctx, o, c.profile, c.servers, in)
	if err != nil {
		return err
	}
	present, _, err := c.unlock(ctx, o, key)
	if err != nil {
		return err
	}
	next, err := newPassphrase(ctx, o)
	if err != nil {
		return err
	}
	defer clear(next)
	err = client.SetPassphrase(client.Config{User: o.user, Passphrase: present, ServerKey: key.key, Profile: c.profile}, next)
	switch {
	case errors.Is(err, profile.ErrNotFound):
		return fail(exitUsage, "There is no device of %s on this machine yet: log in first.", printable(o.user))
	case err != nil:
		return err
	case next == nil:
		fmt.Println("The keys of this device are under no passphrase now.")
	default:
		fmt.Println("The keys of this device are under the passphrase now. It is asked for with each start.")
	}
	return nil
}

// newPassphrase reads a passphrase, at a terminal twice; nil for the word none.
func newPassphrase(ctx context.Context, o *options) ([]byte, error) {
	switch {
	case len(o.args) > 0 && o.args[0] == "none":
		return nil, nil
	case len(o.args) > 0:
		return passwordFile(o.args[0])
	case !term.IsTerminal(int(os.Stdin.Fd())):
		return nil, fail(exitUsage, "There is no terminal to ask at: sotto ... passphrase FILE")
	}
	first, err := askPassword(ctx, "New passphrase of this device's keys: ")
	if err != nil {
		return nil, err
	}
	return first, askAgain(ctx, "passphrases", first)
}
