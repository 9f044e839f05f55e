// Package chat is what a client and a server, and two clients, share once
// they have a conn: items in frames on streams, requests and their replies,
// and the limits of both.
//
// The items are the structs of spec/chat.wire. A Reader and a Writer carry
// them over a stream, one frame each, and never hold more memory than the
// bytes that really came. Ask makes a request on a stream of its own;
// ReadRequest and WriteReply are the server's side of it. A refused request
// is a *Refusal, so that callers branch on its code and not on text.
//
// # Limitations
//
// The package keeps no state of a conversation: who is online, what is kept
// for whom and what was acknowledged are matters of the server and client
// packages. Nothing here seals or signs; the conn does.
package chat
