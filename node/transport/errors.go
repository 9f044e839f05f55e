package transport

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// Codes from CodeBase on are the transport's own; those below are the
// application's.
const (
	CodeBase     uint64 = 1 << 32
	CodeProtocol uint64 = CodeBase + iota // the peer broke a rule of the segments
	CodeFlow                              // the peer sent more than it was granted
	CodeKeys                              // the keys may not be used any more
	CodeEndpoint                          // the endpoint was closed
	CodeBusy                              // nobody accepted the connection
)

// Errors of a connection, besides PeerClosed and LocalClosed.
var (
	// ErrIdle says that nothing was heard from the peer for the idle time.
	ErrIdle = errors.New("transport: connection idle for too long")
	// ErrReset says that the peer has lost its end of the connection.
	ErrReset = errors.New("transport: peer does not know the connection any more")
	// ErrNoAnswer says that nobody answered a Dial.
	ErrNoAnswer = errors.New("transport: no answer")
	// ErrHandshake says that the peer answered a Dial, but the handshake didn't finish in time.
	ErrHandshake = errors.New("transport: handshake not finished in time")
	// ErrEndpointClosed says that the endpoint is closed.
	ErrEndpointClosed = errors.New("transport: endpoint closed")
	// ErrDrop is what an Initiator returns for a message that is not worth an answer:
	// it is ignored, and a better one awaited.
	ErrDrop = errors.New("transport: message dropped")
)

// A DialError says which peer could not be reached and why: it wraps
// ErrNoAnswer, ErrHandshake, the context's error, or that of the Initiator.
type DialError struct {
	Addr  netip.AddrPort
	Tries int // datagrams of the first flight that went unanswered
	Err   error
}

func (e *DialError) Error() string {
	return fmt.Sprintf("transport: dial %v: %v", e.Addr, e.Err)
}

func (e *DialError) Unwrap() error { return e.Err }

// PeerClosed is the error of a connection that the peer closed.
type PeerClosed struct {
	Code   uint64
	Reason string
}

func (e *PeerClosed) Error() string {
	return fmt.Sprintf("transport: peer closed the connection: code %d: %q", e.Code, e.Reason)
}

// LocalClosed is the error of a connection that was closed at this end: by the
// application, or because the peer broke a rule.
type LocalClosed struct {
	Code   uint64
	Reason string
}

func (e *LocalClosed) Error() string {
	return fmt.Sprintf("transport: connection closed here: code %d: %q", e.Code, e.Reason)
}

// StreamReset is the error of reading from a stream that the peer reset.
type StreamReset struct{ Code uint64 }

func (e *StreamReset) Error() string {
	return fmt.Sprintf("transport: peer reset the stream: code %d", e.Code)
}

// StreamStopped is the error of writing to a stream that the peer wants no more of.
type StreamStopped struct{ Code uint64 }

func (e *StreamStopped) Error() string {
	return fmt.Sprintf("transport: peer stopped the stream: code %d", e.Code)
}

// Errors of a stream's own end.
var (
	// ErrStreamClosed says that this end has closed or reset the stream for writing,
	// or stopped it for reading.
	ErrStreamClosed = errors.New("transport: stream closed")
)

// errDeadline is the error of a call that met its deadline. It is a timeout in
// the sense of net.Error.
type deadlineError struct{}

func (deadlineError) Error() string   { return "transport: deadline exceeded" }
func (deadlineError) Timeout() bool   { return true }
func (deadlineError) Temporary() bool { return true }
func (deadlineError) Unwrap() error   { return context.DeadlineExceeded }

// ErrDeadline is the error of a Read or Write that met its deadline.
var ErrDeadline error = deadlineError{}
