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

// A newUser is the name and the password that a command is given.
type newUser struct {
	name     string
	password []byte
}

// namedUser reads the flags and the argument of a command that gives a user a
// password: the command's words, and what it attempts.
func namedUser(ctx context.Context, words, attempt string, args []string) (*newUser, error) {
	set := flag.NewFlagSet(words, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	file := set.String("password-file", "", "")
	fd := set.Int("password-fd", -1, "")
	if err := parse(set, args); err != nil {
		return nil, err
	}
	if set.NArg() != 1 {
		return nil, fail(exitUsage, "%s takes one name, after its flags: sottod %s NAME.", words, words)
	}
	name := set.Arg(0)
	if err := keys.CheckName(name); err != nil {
		return nil, fail(exitUsage, "Cannot %s %q: %v. A name has 1 to 32 of A-Z a-z 0-9 _ . and -", attempt, name, err)
	}
	password, err := newPassword(ctx, name, *file, *fd)
	if err != nil {
		return nil, err
	}
	if utf8.RuneCount(password) < passwordMin {
		clear(password)
		return nil, fail(exitUsage, "Cannot %s %s: the password has fewer than %d characters. Choose a longer one.", attempt, name, passwordMin)
	}
	return &newUser{name, password}, nil
}

// userAdd is sottod user add.
func userAdd(ctx context.Context, o *options, args []string) error {
	u, err := namedUser(ctx, "user add", "add", args)
	if err != nil {
		return err
	}
	defer clear(u.password)
	d, _, err := deployment.OpenOrCreate(o.state, o.tier())
	if err != nil {
		return stateFailure("add a user", o.state, err)
	}
	defer d.Close()
	err = d.AddUser(ctx, u.name, u.password, time.Now())
	if errors.Is(err, deployment.ErrUserExists) {
		return fail(exitUsage, "Cannot add %s: %v. Choose another name.", u.name, err)
	} else if err != nil {
		return stateFailure("add user "+u.name, o.state, err)
	}
	fmt.Fprintf(stdout, "Added %s.\n", u.name)
	return nil
}

// userReset is sottod user reset.
func userReset(ctx context.Context, o *options, args []string) error {
	if o.classic {
		return fail(exitUsage, "user reset is of the default tier: leave -classic out.")
	}
	u, err := namedUser(ctx, "user reset", "reset", args)
	if err != nil {
		return err
	}
	defer clear(u.password)
	d, err := openState("reset a user", o)
	if err != nil {
		return err
	}
	defer d.Close()
	name, err := d.ResetUser(ctx, u.name, u.password, time.Now())
	if errors.Is(err, deployment.ErrNoUser) {
		return fail(exitUsage, "Cannot reset %s: no user of that name. sottod user list shows all.", u.name)
	} else if err != nil {
		return stateFailure("reset user "+u.name, o.state, err)
	}
	fmt.Fprintf(stdout, "%s has new keys and a new password. Devices have to log in anew, what waits for %s stays unread, and contacts are warned.\n", name, name)
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
