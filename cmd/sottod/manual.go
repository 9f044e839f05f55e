package main

import (
	"fmt"
	"io"
	"runtime/debug"
)

const manualHead = `NAME
    sottod - Sotto chat server. It keeps sealed messages that it cannot read.

SYNOPSIS
    sottod [-state DIR] -n [-force]
    sottod [-state DIR] -sp PORT [-sip ADDR] [-allow-demo]
    sottod [-state DIR] COMMAND

FLAGS
    -n            make new keys for a server and the demo users Alice, Bob, Charlie
                  and Eve, whose passwords are their names. A demo that is there is
                  moved aside; anything else stays, and sottod says so.
    -force        with -n: replace real users too. The old state is kept as a backup.
    -sp PORT      serve on this UDP port; 0 takes a free one
    -sip ADDR     listen on this address; default 127.0.0.1. An address that others
                  can reach is refused while there are demo users.
    -allow-demo   serve demo users, whose passwords everybody knows, to others too
    -state DIR    the state folder; default $XDG_STATE_HOME/sottod, else
                  ~/.local/state/sottod
    -version      print the version
    -h            print this page

COMMANDS
`

const manualTail = `
    Commands work while the server stands still. The password of a new user is asked
    for twice on a terminal, or is the first line of FILE or of descriptor N.

FILES (in the state folder, which belongs to one user, mode 0700)
    server.key    the server's secret key. Back it up; without it clients refuse.
    server.pub    its public key, for sotto -server-key
    state.db      users and the messages that wait
    lock          held by the server or command that has the folder open

OUTPUT
    When the server is ready it prints one line on stdout with its address, the number
    of users and its key's fingerprint. The log is on stderr.

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
