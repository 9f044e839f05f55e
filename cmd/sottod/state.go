package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"sotto/node/server/deployment"
	"sotto/node/store"
	"sotto/node/store/disk"
)

// newDemo is sottod -n.
func newDemo(ctx context.Context, o *options) error {
	backup, err := deployment.ReplaceWithDemo(ctx, o.state, o.tier(), o.force, time.Now())
	var users *deployment.RealUsersError
	var foreign *deployment.ForeignError
	switch {
	case errors.As(err, &users):
		noun := "real users"
		if users.Users == 1 {
			noun = "real user"
		}
		return fail(exitUsage, "This server has %d %s. -n would replace their keys. Use another -state folder, or -n -force (the old state is kept as a backup).", users.Users, noun)
	case errors.As(err, &foreign):
		return fail(exitUsage, "Refused to make keys: %v. Use another -state folder.", foreign)
	case err != nil:
		return stateFailure("make new keys", o.state, err)
	}
	if backup != "" {
		fmt.Fprintf(stdout, "The old state is now in %s.\n", backup)
	}
	fmt.Fprintf(stdout, "Made keys for the server and for Alice, Bob, Charlie and Eve (password = name) in %s.\n", o.state)
	return nil
}

// openState opens the deployment for a command.
func openState(attempt string, o *options) (*deployment.Deployment, error) {
	d, err := deployment.Open(o.state, o.tier())
	if err != nil {
		return nil, stateFailure(attempt, o.state, err)
	}
	return d, nil
}

// stateFailure says why something with the state folder failed and what to do.
func stateFailure(attempt, dir string, err error) error {
	var locked *disk.LockedError
	var insecure *disk.InsecureError
	var newer *disk.NewerError
	var damaged *disk.DamagedError
	var key *deployment.KeyError
	var tier *deployment.TierError
	switch {
	case errors.Is(err, deployment.ErrNoKeys):
		return fail(exitState, "Cannot %s: no server key in %s. Run sottod -n first, or name the folder with -state.", attempt, dir)
	case errors.Is(err, deployment.ErrNoState):
		return fail(exitState, "Cannot %s: the state.db in %s is gone or empty. Put it back from a backup, or name another folder with -state.", attempt, dir)
	case errors.As(err, &damaged):
		return fail(exitState, "Cannot %s: %s is damaged (%s). Put it back from a backup, or name another folder with -state.", attempt, damaged.Path, damaged.Why)
	case errors.As(err, &tier) && tier.Is == deployment.Classic:
		return fail(exitUsage, "Cannot %s: %v. Say -classic, or name another folder with -state.", attempt, tier)
	case errors.As(err, &tier):
		return fail(exitUsage, "Cannot %s: %v. Leave -classic out, or name another folder with -state.", attempt, tier)
	case errors.As(err, &locked):
		return fail(exitState, "Cannot %s: %v. Stop that first.", attempt, locked)
	case errors.As(err, &insecure):
		return fail(exitState, "Cannot %s: %v.", attempt, insecure)
	case errors.As(err, &newer):
		return fail(exitState, "Cannot %s: %v. Use a newer sottod.", attempt, newer)
	case errors.As(err, &key):
		return fail(exitState, "Cannot %s: %v. Put the file back from a backup.", attempt, key)
	case disk.Full(err):
		return fail(exitState, "Cannot %s: the disk of %s is full. Make room and try again.", attempt, dir)
	case errors.Is(err, store.ErrUnavailable):
		return fail(exitState, "Cannot %s: the state in %s cannot be written: %v. Check the disk.", attempt, dir, err)
	case errors.Is(err, fs.ErrPermission):
		return fail(exitState, "Cannot %s: %v. Run sottod as the owner of the folder, or name another with -state.", attempt, err)
	case errors.Is(err, context.Canceled):
		return err
	}
	return fail(exitState, "Cannot %s in %s: %v.", attempt, dir, err)
}
