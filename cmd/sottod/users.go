package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"sotto/node/keys"
	"sotto/node/server/deployment"
)

// passwordMin is the shortest password of a user who is not the demo's.
const passwordMin = 12

// userAdd is sottod user add.
func userAdd(ctx context.Context, o *options, args []string) error {
	set := flag.NewFlagSet("user add", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	file := set.String("password-file", "", "")
	fd := set.Int("password-fd", -1, "")
	if err := parse(set, args); err != nil {
		return err
	}
	if set.NArg() != 1 {
		return fail(exitUsage, "user add takes one name, after its flags: sottod user add NAME.")
	}
	name := set.Arg(0)
	if err := keys.CheckName(name); err != nil {
		return fail(exitUsage, "Cannot add %q: %v. A name has 1 to 32 of A-Z a-z 0-9 _ . and -", name, err)
	}
	password, err := newPassword(ctx, name, *file, *fd)
	if err != nil {
		return err
	}
	defer clear(password)
	if utf8.RuneCount(password) < passwordMin {
		return fail(exitUsage, "Cannot add %s: the password has fewer than %d characters. Choose a longer one.", name, passwordMin)
	}
	d, err := deployment.OpenOrCreate(o.state)
	if err != nil {
		return stateFailure("add a user", o.state, err)
	}
	defer d.Close()
	err = d.AddUser(ctx, name, password, time.Now())
	if errors.Is(err, deployment.ErrUserExists) {
		return fail(exitUsage, "Cannot add %s: %v. Choose another name.", name, err)
	} else if err != nil {
		return stateFailure("add user "+name, o.state, err)
	}
	fmt.Fprintf(stdout, "Added %s.\n", name)
	return nil
}

// userList is sottod user list.
func userList(ctx context.Context, o *options, args []string) error {
	if len(args) > 0 {
		return fail(exitUsage, "user list takes no arguments.")
	}
	d, err := openState("list users", o)
	if err != nil {
		return err
	}
	defer d.Close()
	names, err := d.Users(ctx)
	if err != nil {
		return stateFailure("list users", o.state, err)
	}
	for _, n := range names {
		fmt.Fprintln(stdout, n)
	}
	return nil
}

// showKey is sottod key. It locks nothing, so it works beside a server.
func showKey(ctx context.Context, o *options, args []string) error {
	if len(args) > 0 {
		return fail(exitUsage, "key takes no arguments.")
	}
	k, err := deployment.ReadKeys(o.state)
	if err != nil {
		return stateFailure("show the key", o.state, err)
	}
	fmt.Fprintln(stdout, k.Identity.Public().Fingerprint())
	return nil
}
