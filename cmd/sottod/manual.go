package main

import (
	"fmt"
	"io"
	"runtime/debug"
)

const manualHead = `NAME
    sottod - Sotto chat server. It keeps sealed messages that it cannot read.

SYNOPSIS
    sottod [-state DIR] [-classic] -n [-force]
    sottod [-state DIR] [-classic] -sp PORT [-sip ADDR] [-sockets N] [-allow-demo]
    sottod [-state DIR] [-classic] COMMAND

FLAGS
    -n            make new keys for a server and the demo users Alice, Bob, Charlie
                  and Eve, whose passwords are their names. A demo that is there is
                  moved aside; anything else stays, and sottod says so.
    -force        with -n: replace real users too. The old state is kept as a backup.
    -sp PORT      serve on this UDP port; 0 takes a free one. The first run in an
                  empty state folder makes the server's keys and prints an invitation
                  for the first user.
    -sip ADDR     listen on this address; default 127.0.0.1. An address that others
                  can reach is refused while there are demo users.
    -sockets N    spread the clients over N sockets of that address, each with a reader
                  of its own; worth it on machines with many processors. Default 1.
    -allow-demo   serve demo users, whose passwords everybody knows, to others too
    -classic      the classic tier: RSA keys and a manifest. Both sides must say so, a
                  state folder is of one tier, and the two never talk to each other.
    -state DIR    the state folder; default $XDG_STATE_HOME/sottod, else
                  ~/.local/state/sottod
    -version      print the version
    -h            print this page

COMMANDS
`

const manualTail = `
    user commands work while the server stands still, the others also while it runs.
    The password of a user is asked for twice on a terminal, or is the first line of
    FILE or of descriptor N. A user who is invited chooses one that nobody here learns.

    An invitation makes one account and is good for 24 hours unless -expires says
    otherwise. It names the address that the server listened on last unless -host
    says under which name guests find it.

    After key rotate, clients follow by themselves once the server was started again.
    After user reset, they warn: the new keys are not signed by the old ones. invite,
    key rotate and user reset are of the default tier.

FILES (in the state folder, which belongs to one user, mode 0700)
    server.key    the server's secret keys. Back them up, again after key rotate;
                  without them clients refuse, and no password works.
    server.pub    its public key, for sotto -server-key
    state.db      users, the log of their keys and the messages that wait
    address       where the server listened last
    lock          held by the server or command that has the folder open

OUTPUT
    When the server is ready it prints one line on stdout with its address, the number
    of users and its key's fingerprint, and on its first run an invitation. The log is
    on stderr.

SIGNALS
    INT, TERM     tell the clients and stop; a second one stops at once

EXIT CODES
    0 done, 1 internal, 2 usage, 3 cannot listen, 10 state locked, damaged or not
    there, 130 interrupted
`

// manual writes the manual page.
func manual(w io.Writer) {
	io.WriteString(w, manualHead)
	for _, c := range commands() {
		fmt.Fprintf(w, "    %s\n                  %s\n", join(c.words, c.args), c.brief)
	}
	io.WriteString(w, manualTail)
}

func join(a, b string) string {
	if b == "" {
		return a
	}
	return a + " " + b
}

// version is what the build says of itself.
func version() string {
	v := "unknown"
	if b, ok := debug.ReadBuildInfo(); ok {
		v = b.Main.Version
	}
	return "sottod " + v
}
