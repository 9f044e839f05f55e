package transport

import (
	"errors"
	"time"
)

var (
	errFinalSize = errors.New("stream's final size changed")
	errOverLimit = errors.New("stream data over the limit granted")
)

// errTooScattered says that a stream has more holes than we keep account of. It
// is no violation: the packet counts as not received and comes again.
var errTooScattered = errors.New("transport: too many holes in a stream")

// errNoMemory says that the endpoint holds as much as it may. It is no violation either.
var errNoMemory = errors.New("transport: no memory for what comes")

// receiveHalf is the incoming direction of a stream.
type receiveHalf struct {
	bytes  chain
	got    ranges // offsets that are there, from read on
	read   int64  // what the application has taken
	high   int64  // one above the highest offset seen: what counts against credit
	final  int64  // the final size; -1 while it isn't known
	window receiveWindow

	reset   bool // the peer gave up
	code    uint64
	stopped bool // the application wants no more
	stop    bool // and the peer has to be told
	seen    bool // the application was told of the end
}

// receive takes a segment. It returns by how much it grows the stream, which
// counts against the connection's credit.
func (h *receiveHalf) receive(offset int64, b []byte, fin bool) (int64, error) {
	end := offset + int64(len(b))
	if end > h.window.limit {
		return 0, errOverLimit
	}
	if fin {
		if h.final >= 0 && h.final != end || end < h.high {
			return 0, errFinalSize
		}
	} else if h.final >= 0 && end > h.final {
		return 0, errFinalSize
	}
	if len(h.got) >= maxGaps && offset > h.got[len(h.got)-1].end {
		return 0, errTooScattered
	}
	if fin {
		h.final = end
	}
	grown := max(0, end-h.high)
	h.high += grown
	if h.reset || h.stopped {
		h.read = h.high
		return grown, nil
	}
	start := max(offset, h.read)
	if start < end && !h.got.covers(start, end) {
		h.bytes.write(start, b[start-offset:])
		h.got.add(start, end)
	}
	return grown, nil
}

// has reports whether all of [start, end) arrived before.
func (h *receiveHalf) has(start, end int64) bool {
	return start < end && h.got.covers(max(start, h.read), end)
}

// onReset takes the peer's RESET.
func (h *receiveHalf) onReset(code uint64, final int64) (int64, error) {
	if h.final >= 0 && h.final != final || final < h.high {
		return 0, errFinalSize
	}
	if final > h.window.limit {
		return 0, errOverLimit
	}
	closed := h.final >= 0
	h.final = final
	grown := final - h.high
	h.high = final
	if closed && h.complete() && !h.stopped {
		// The stream had ended well and all of it is here. Without its end having been
		// seen, all bytes being here is no reason to take a reset for an end.
		return grown, nil
	}
	h.reset, h.code = true, code
	h.forget()
	return grown, nil
}

// forget drops what nobody will read.
func (h *receiveHalf) forget() {
	h.bytes.clear()
	h.got = nil
	h.read = h.high
}

// ready is how many bytes can be read now.
func (h *receiveHalf) ready() int64 {
	if len(h.got) == 0 || h.got[0].start > h.read {
		return 0
	}
	return h.got[0].end - h.read
}

// take copies bytes to the application.
func (h *receiveHalf) take(b []byte) int {
	n := int(min(int64(len(b)), h.ready()))
	if n == 0 {
		return 0
	}
	h.bytes.read(h.read, b[:n])
	h.read += int64(n)
	h.bytes.discard(h.read)
	if h.got[0].end == h.read {
		h.got = h.got[:copy(h.got, h.got[1:])]
		if len(h.got) == 0 {
			h.bytes.clear()
			h.bytes.base = h.read / blockSize * blockSize
		}
	}
	return n
}

// renew grants more credit for what was read.
func (h *receiveHalf) renew(now instant, rtt time.Duration) {
	if h.final < 0 && !h.stopped {
		h.window.consumed(now, h.read, rtt)
	}
}

// complete reports whether every byte of the stream is here or was read.
func (h *receiveHalf) complete() bool {
	return h.final >= 0 && (h.read == h.final || len(h.got) > 0 && h.got[0].start <= h.read && h.got[0].end == h.final)
}

// done reports whether nothing more is to come that anybody wants.
func (h *receiveHalf) done() bool {
	if h.stopped || h.reset {
		return h.final >= 0
	}
	return h.final >= 0 && h.read == h.final && h.seen
}
