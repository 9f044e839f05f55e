package main

import (
	"context"
	"fmt"
	"time"

	"sotto/node/server/deployment"
)

// keyShow is sottod key show. It locks nothing, so it works beside a server.
func keyShow(ctx context.Context, o *options, args []string) error {
	if len(args) > 0 {
		return fail(exitUsage, "key show takes no arguments.")
	}
	k, err := deployment.ReadKeys(o.state, o.tier())
	if err != nil {
		return stateFailure("show the key", o.state, err)
	}
	fmt.Fprintln(stdout, k.Fingerprint())
	return nil
}

// keyRotate is sottod key rotate.
func keyRotate(ctx context.Context, o *options, args []string) error {
	if len(args) > 0 {
		return fail(exitUsage, "key rotate takes no arguments.")
	}
	if o.classic {
		return fail(exitUsage, "key rotate is of the default tier: leave -classic out.")
	}
	k, err := deployment.RotateKeys(o.state, time.Now())
	if err != nil {
		return stateFailure("rotate the key", o.state, err)
	}
	fmt.Fprintf(stdout, "The server's key will be %s, signed by the old one, when the server is started again. Back up server.key anew.\n", k.Fingerprint())
	return nil
}
