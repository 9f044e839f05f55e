// Sotto is a private chat over UDP, at a prompt or in a pipe.
//
//	sotto -u Bob -p Bob -sip 127.0.0.1 -sp 5000
//	  list
//	  send Alice hello there
//
//	sotto join LINK
//
// The program parses the command line, asks for passwords and about keys, and
// renders the events of node/client: one line each, at a terminal under a
// prompt with a line editor, in a pipe without. Everything it does to messages
// is in node/client.
//
// What others wrote is printed with control characters, line breaks and
// characters that turn the direction of writing escaped, so that a line that
// begins with a time and a name is always a message of that user. A message is
// printed whole on one line, also one of 1 MiB: it is data, and what a pipe
// or a scrollback holds is all that is kept of it.
//
// `sotto demo` shows it all without a set-up: see demo.go.
package main
