// Package bench measures package transport beside quic-go and beside TCP with TLS 1.3, on
// this machine, in one run. It is a module of its own, so that nobody else gets its
// dependencies.
//
//	cd node/transport/bench
//	go test -bench . -count 6 | tee new.txt    # benchstat makes a table of it
//	go test -bench 'Lossy|Bulk/ours'           # a part
//
//	Bulk       one stream, one way: MB/s, and CPU seconds per GiB of both ends
//	RoundTrip  64 bytes there and back: microseconds at the median and beyond
//	Connect    dial, a full handshake with hybrid key exchange, a byte, close
//	Idle       memory of a connection that was used once, both ends
//	Lossy      Mbit/s through 20 ms and 100 Mbit/s with 0, 1 and 5% loss each way
//
// Both ends run in one process. TCP can't be led through the lossy path, which is a relay
// of datagrams. What a machine does besides shows in all figures: compare those of one
// run.
package bench
