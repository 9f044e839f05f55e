package client

import (
	"cmp"
	"slices"
	"time"

	"sotto/node/envelope"
)

// holdWait is how long a message waits for an earlier one of the same sender
// that may be on the other way (direct or by the server) before what is
// missing is shown as a gap. It covers a direct conn that died: 1.5 s to find
// out and a round trip by the server.
const holdWait = 3 * time.Second

// holdMax is how many messages of one sender may wait. The limit is
// arbitrary: it bounds memory against a sender who leaves a gap and goes on.
const holdMax = 64

// A holdback puts the messages of one sender into the order of their sequence
// numbers before they are shown. They are on disk already; only their being
// shown waits. Which numbers are missing is the finding of the sender's
// envelope.Window; a holdback only waits for them. The zero value is ready.
type holdback struct {
	missing []envelope.Gap // [From, To) waited for, in order
	held    []arrival      // in the order of their numbers, all behind missing[0]
	passed  uint64         // numbers below were shown or given up
	due     time.Time      // when the wait ends; zero while nothing waits
}

// An arrival is a message that has been verified and stored.
type arrival struct {
	seq uint64
	msg Message
}

// An inOrder is a message that may be shown now.
type inOrder struct {
	arrival
	missing uint64 // how many numbers before it never came
}

// arrive takes a message, with the numbers that the window found missing when
// it accepted the message, and gives what may be shown now.
func (h *holdback) arrive(now time.Time, a arrival, gaps []envelope.Gap) []inOrder {
	for _, g := range gaps {
		i, _ := slices.BinarySearchFunc(h.missing, g.From, func(g envelope.Gap, from uint64) int {
			return cmp.Compare(g.From, from)
		})
		h.missing = slices.Insert(h.missing, i, g)
	}
	h.found(a.seq)
	if a.seq < h.passed {
		a.msg.Late = true
	}
	i, _ := slices.BinarySearchFunc(h.held, a.seq, func(x arrival, seq uint64) int {
		return cmp.Compare(x.seq, seq)
	})
	h.held = slices.Insert(h.held, i, a)
	out := h.release(nil)
	if len(h.held) > holdMax {
		out = h.giveUp(out)
	}
	return h.wait(now, out)
}

// timeout gives what may be shown because its wait is over.
func (h *holdback) timeout(now time.Time) []inOrder {
	if h.due.IsZero() || now.Before(h.due) {
		return nil
	}
	return h.wait(now, h.giveUp(nil))
}

// flush gives everything that waits, for a client that ends.
func (h *holdback) flush() (out []inOrder) {
	for len(h.held) > 0 {
		out = h.giveUp(out)
	}
	h.due = time.Time{}
	return out
}

// found takes a number off those that are missing.
func (h *holdback) found(seq uint64) {
	i := slices.IndexFunc(h.missing, func(g envelope.Gap) bool { return g.From <= seq && seq < g.To })
	if i < 0 {
		return
	}
	g := h.missing[i]
	var rest []envelope.Gap
	if g.From < seq {
		rest = append(rest, envelope.Gap{From: g.From, To: seq})
	}
	if seq+1 < g.To {
		rest = append(rest, envelope.Gap{From: seq + 1, To: g.To})
	}
	h.missing = slices.Replace(h.missing, i, i+1, rest...)
}

// release moves to out what has nothing missing before it.
func (h *holdback) release(out []inOrder) []inOrder {
	for len(h.held) > 0 && (len(h.missing) == 0 || h.held[0].seq < h.missing[0].From) {
		h.passed = max(h.passed, h.held[0].seq+1)
		out = append(out, inOrder{arrival: h.held[0]})
		h.held = h.held[1:]
	}
	return out
}

// giveUp stops to wait for the numbers before the first message held and
// releases it, with how many they were, and what follows it.
func (h *holdback) giveUp(out []inOrder) []inOrder {
	first, missing := h.held[0], uint64(0)
	for len(h.missing) > 0 && h.missing[0].From < first.seq {
		missing += h.missing[0].To - h.missing[0].From // it ends before first, which is not in it
		h.missing = h.missing[1:]
	}
	at := len(out)
	out = h.release(out)
	out[at].missing = missing
	return out
}

// wait sets when the wait for what is still missing ends: it begins anew
// whenever something was shown.
func (h *holdback) wait(now time.Time, out []inOrder) []inOrder {
	switch {
	case len(h.held) == 0:
		h.held, h.due = nil, time.Time{}
	case h.due.IsZero() || len(out) > 0:
		h.due = now.Add(holdWait)
	}
	return out
}
