package transport

import (
	"time"

	"sotto/wire"
)

// Everything that a peer or a stranger can make an endpoint hold has a cap, and
// this is all of them (transport.md 5.14). A peer that goes beyond a cap which
// it was told of is in violation and the connection closes; elsewhere the excess
// is dropped and counted.
const (
	// Of one connection.
	maxOffset       = 1<<62 - 1
	maxStreams      = wire.Streams      // streams that the peer may have open at a time
	connWindow      = wire.ConnWindow   // credit of a new connection
	maxConnWindow   = 16 << 20          // and after tuning
	streamWindow    = wire.StreamWindow // a quarter, so that one stream which nobody reads doesn't stop the others
	maxStreamWindow = 8 << 20
	maxGaps         = 256       // holes in the received part of a stream
	maxUnsent       = 512 << 10 // bytes of a stream that Write takes before the network does
	maxDatagrams    = 64        // unreliable messages waiting on either side
	maxReason       = 255
	longestPacket   = 16 << 10 // on links that take more, as loopback does, there is nothing to gain
	maxInbox        = 4        // handshake messages waiting for their cryptography
	maxEarly        = 8        // sealed packets kept until the keys are there

	// Of one endpoint, for strangers.
	maxHalfOpen     = 1024
	maxUnproven     = maxHalfOpen / 2 // of them, without a token
	maxHalfOpenPer  = 64              // of one /24 or /56
	maxJobs         = 128             // messages that wait for a worker, of either kind
	runsPerSecond   = 32              // begun without a token, per /24 or /56
	retryPerSecond  = 100_000         // answers of one socket to HELLOs without a token: what a core can do, and twice a flood that others must not notice
	defaultBacklog  = 128
	defaultMemory   = 256 << 20 // received and not read, of all connections
	memoryShare     = 64 << 10  // of it, that each connection may have in any case
	resetsPerSecond = 10        // per /24 or /56
	tokenLife       = 30 * time.Second
	tokenRotation   = 2 * time.Minute

	// Times.
	defaultIdle    = 5 * time.Minute
	handshakeLimit = 30 * time.Second // for a run that has got an answer
)
