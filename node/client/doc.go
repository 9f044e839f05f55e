// Package client is one user's side of a chat: it logs in, keeps the session,
// sends and receives sealed messages, and says what happens as a stream of
// typed events.
//
// A Client promises:
//
//   - A message that Send accepted is in the outbox on disk. From then on its
//     fate is said: queued, sent, delivered, or failed with the reason. A kill
//     of this program, of the server or of the recipient's program loses none
//     that was said to be sent.
//   - A message that arrived is on disk before its receipt leaves, is shown
//     once, and in the order in which its sender wrote it. What is missing in
//     between is shown as a gap.
//   - It speaks to one server key, the one it was given, or in the default tier
//     one that it leads to. Nothing of the login, not even the user's name, leaves
//     before that key has been used.
//   - A user whose key changes, and whose old key does not vouch for that, is an
//     alarm: sending to him stops until the new key is accepted.
//   - In the default tier: what the server says of anybody's keys stands in a log,
//     and the log only grows. If the server has shown another user another log,
//     the first message between the two says so, and the profile keeps what
//     convicts the server.
//   - Contact that is lost comes back by itself.
//
// Messages go from client to client: the server says where the recipient is
// and the Client dials him on the same socket that serves the session with the
// server. Where that fails, or nobody is there, the server takes the sealed
// message and answers for it.
//
// One goroutine, the loop, owns the state of a Client. The rules it follows
// stand in small structs that know nothing of sockets or clocks: holdback (the
// order of what arrives), route (which way to a user), outgoing (the state of
// a message) and backoff (when to try again). Everything that can block, from
// a dial to an RSA signature, runs beside the loop and comes back to it as a
// function to call.
//
// What keys there are and how messages are sealed is the business of a tier,
// of which a deployment has one; see the tier interface. In the classic tier it is
// one RSA key pair for each user, which the password unlocks at the first login
// of a run. In the default tier each device has keys of its own, in its profile;
// the password, or an invitation to a new account, makes a device known to the
// log. It is needed again only for what concerns the account: another device, another
// password, other keys. A device that was removed and comes back with the password is a
// new one, whose keys nobody had before.
//
// What lies on disk is kept by node/client/profile. The package draws nothing:
// cmd/sotto renders the events.
//
// # Limitations
//
// One session per user: a second login ends the first, also on another device; only
// what changes the password, the keys or the devices of an account is a visit and ends
// nothing. What is sent reaches the device that comes first, and no other has it then.
// A message that was sealed before its sender knew this device is left to the device
// that can open it, and counts as missing here. What one device has sent, another does
// not show.
// The keys of a device lie in its profile, under a passphrase only where its owner
// sets one. A server that was restored from a backup older than its log is an
// alarm. A message is one text of at most 1 MiB. Who talks to whom, when, and how
// much is known to the server, also for messages that go directly.
package client
