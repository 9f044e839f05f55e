// Package transport is layer 2: connections with streams, over packets.
//
// An Endpoint owns one UDP socket and any number of connections on it, dialled
// and accepted. A Conn carries streams and unreliable messages to one peer; it
// belongs to connection IDs and not to addresses, and follows a peer whose
// address changes. A Stream is an ordered run of bytes in each direction.
//
//	end, err := transport.NewEndpoint(sock, transport.Config{Responder: r})
//	conn, err := end.Dial(ctx, addr, initiator)
//	s, err := conn.OpenStream(ctx)
//	s.Write(...); s.Close()
//
// It promises that what is read is what was written, every byte once and in
// order, or an error; that everything a peer or a stranger can make it hold is
// bounded (limits.go); and that nothing which isn't sealed by the peer changes
// or ends a connection.
//
// Inside, a connection is a pure state machine (state.go): packets and time go
// in, packets and the next deadline come out. It owns no goroutine, clock, socket
// or lock. What it does with a packet is in the files named for it: recovery.go,
// acks.go, congestion.go, flow.go, streams.go, path.go, keepalive.go, handshake.go. Around it,
// conn.go has the lock and the methods for applications, reader.go reads a socket,
// hello.go and strangers.go see to strangers, wheel.go has all the deadlines.
//
// The cryptography of a handshake is somebody else's: see Initiator and Responder.
package transport
