// Package simnet is a simulated network of UDP sockets, for tests.
//
// A Network joins sockets, which are net.PacketConns, by links with delay,
// jitter, rate, queue, loss, duplication, reordering, corruption and a largest
// size. It belongs into a testing/synctest bubble: time costs nothing there, and a
// run with the same seed replays.
//
//	n := simnet.New(seed)
//	n.SetLink(simnet.Link{Delay: 10 * time.Millisecond, Loss: 0.05})
//	a, err := n.Listen(netip.MustParseAddrPort("10.0.0.1:1"))
//
// Three things make a run replay although goroutines don't: each direction of
// each link has randomness of its own, so that what one sender does can't change
// another's fate; a seeded delay below a microsecond keeps two datagrams from
// arriving at the same instant; and the trace is sorted by time, then sender.
//
// A NAT before a socket is part of it, too (Rebind, NAT). There is no routing: every socket
// reaches every other by one link.
package simnet
