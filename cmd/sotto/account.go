package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"sotto/node/client"
)

// changePassword gives the account another password. The present one is asked first.
func (c *connection) changePassword(ctx context.Context, o *options, in *bufio.Reader) error {
	cfg, err := c.unlocked(ctx, o, in)
	if err != nil {
		return err
	}
	next, err := nextPassword(ctx, o)
	if err != nil {
		return err
	}
	defer clear(next)
	err = client.ChangePassword(ctx, *cfg, next)
	if unsure := (*client.UncertainError)(nil); errors.As(err, &unsure) {
		return fail(exitNoContact, "It is not known whether the password of %s was changed: the answer of %s did not come. "+
			"Try the new one, and if it is refused the old one: sotto -u %s -p - devices", printable(o.user), printable(o.server()), printable(o.user))
	}
	if err != nil {
		return err
	}
	fmt.Printf("The password of %s is changed. Devices need no new login. If somebody else knows the old one, look who is there: "+
		"sotto -u %s devices   and replace the keys that it has unlocked: sotto -u %s new-keys\n", o.user, o.user, o.user)
	return nil
}

// newKeys gives the account other keys, signed by the old ones.
func (c *connection) newKeys(ctx context.Context, o *options, in *bufio.Reader) error {
	cfg, err := c.unlocked(ctx, o, in)
	if err != nil {
		return err
	}
	fingerprint, err := client.RotateAccount(ctx, *cfg)
	if unsure := (*client.UncertainError)(nil); errors.As(err, &unsure) {
		return fail(exitNoContact, "It is not known whether the keys of %s were replaced: the answer of %s did not come. "+
			"Try again; the password is as it was.", printable(o.user), printable(o.server()))
	}
	if err != nil {
		return err
	}
	fmt.Printf("The account has new keys, signed by the old ones: %s\nContacts are told and need not accept them; "+
		"numbers that were compared are to be compared again. The password and the devices stay.\n", fingerprint)
	return nil
}

// unlocked is the configuration of something that needs the account's keys, which the
// password unlocks.
func (c *connection) unlocked(ctx context.Context, o *options, in *bufio.Reader) (*client.Config, error) {
	key, err := findServerKey(ctx, o, c.profile, c.servers, in)
	if err != nil {
		return nil, err
	}
	passphrase, _, err := c.unlock(ctx, o, key)
	if err != nil {
		return nil, err
	}
	password, err := readPassword(ctx, o, in, allLoopback(c.servers))
	if err != nil {
		return nil, err
	}
	return &client.Config{
		User: o.user, Password: password, Passphrase: passphrase, Servers: c.servers, ServerKey: key.key, Profile: c.profile,
	}, nil
}

// nextPassword reads the password that is to follow the present one, at a terminal
// twice.
func nextPassword(ctx context.Context, o *options) ([]byte, error) {
	if len(o.args) > 0 {
		next, err := passwordFile(o.args[0])
		if err != nil {
			return nil, err
		}
		return next, strong(o.user, next)
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, fail(exitUsage, "There is no terminal to ask for the new password at: sotto ... password FILE")
	}
	return askNewPassword(ctx, o, "New password")
}
