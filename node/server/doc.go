// Package server is a Sotto server: it logs users in, says who is online and
// where, introduces clients to each other, and keeps sealed messages until
// their recipients have them. It cannot read what it keeps, and must not be
// able to: the import rules keep the package that opens messages away from it.
//
// New takes the state (a store.Engine), the server's keys and a socket; Serve runs
// until its context ends and then says goodbye to every client. What a client
// was promised is in the store before the promise leaves: a message that was
// answered with sent or queued survives the loss of the process at any
// moment, and so do accounts, entries of the log, used invitations and, in the
// classic tier, used challenges and the manifest's version. After a restart
// clients log in again by themselves, and what waits is pushed to them.
//
// Which keys it is given decides the tier. What is common to both, and most of
// the package, knows of them only the small interface tier: the login, the first
// frame of a session, and the requests that one tier alone has. In the default
// tier the log is kept by the package ledger below this one. There a session may
// log in to make a device or an account known; until it has, others don't see it. One that
// the password has begun may change the password and the account's keys, as long as it
// is the account's password.
// In the classic tier there is a manifest.
//
// A session is one user on one conn; a user has one, and the newest wins. Each
// has a control stream for pushes and acks, and a stream for each request.
// Memory is bounded by Limits: a session holds a fixed number of requests and
// queued pushes, and a client that does not read stops its own mailbox and
// nothing else. Rates are kept per user, and per invitation of those who have no
// account, so that a new conn brings no new allowance.
//
// The state folder, its keys and the making of users by the operator are the
// matter of the package deployment below this one.
//
// # Limitations
//
// In the classic tier, users are read when the server starts; one that is added
// while it runs is known after a restart. A user has one session, whichever of
// his devices it is from. Presence lives in memory. One server serves one state
// folder; several of them for one set of users need a store with another
// sequencer.
package server
