package envelope

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"sotto/wire"
)

// What a Window says of a message that it does not take.
var (
	ErrRepeated  = errors.New("the message was here before")
	ErrSeqReused = errors.New("the sender used one number for two messages") // an alarm
	ErrTooLate   = errors.New("the message comes too late to tell whether it was here before")
	ErrSeq       = errors.New("the number of the message is none")
)

const (
	// newProfile is a jump in the numbers that means another beginning and not
	// missing messages: a client without memory starts at its clock's milliseconds.
	newProfile = 1 << 20

	maxRanges = 64
	maxRecent = 128
)

// A Gap are numbers [From, To) of messages that have not come.
type Gap struct{ From, To uint64 }

// A Window remembers what came from one sender under one key. It is a set of
// ranges, so a message that was overtaken by any number of others is still taken,
// and the ids of the latest, so that two messages under one number are seen. The zero
// value has seen nothing.
//
// The ranges are bounded: when there are too many holes the lowest one is closed, and
// what belongs there comes too late.
type Window struct {
	state wire.SeqWindow
}

// Accept takes a message's number and id, or says why not and changes nothing. It
// returns the numbers that are newly known to be missing.
func (w *Window) Accept(seq uint64, id [16]byte) ([]Gap, error) {
	if !validSeq(seq) {
		return nil, ErrSeq
	}
	for _, r := range w.state.Recent {
		switch {
		case r.Id == id:
			return nil, ErrRepeated
		case r.Seq == seq:
			return nil, ErrSeqReused
		}
	}
	ranges := w.state.Seen
	// at is the first range that ends behind seq: it holds seq, or begins behind it.
	at, _ := slices.BinarySearchFunc(ranges, seq, func(r wire.SeqRange, seq uint64) int {
		if r.End <= seq {
			return -1
		}
		return 1
	})
	switch {
	case at < len(ranges) && ranges[at].Start <= seq:
		return nil, ErrRepeated
	case seq < w.state.Floor:
		return nil, ErrTooLate
	}
	gaps := w.gaps(at, seq)
	w.insert(at, seq)
	w.state.Recent = append(w.state.Recent, wire.SeqId{Seq: seq, Id: id})
	if extra := len(w.state.Recent) - maxRecent; extra > 0 {
		w.state.Recent = slices.Delete(w.state.Recent, 0, extra)
	}
	return gaps, nil
}

// gaps are the numbers between the range before at and seq, unless they are a
// jump to a new profile or part of a hole that was told of when its end came.
func (w *Window) gaps(at int, seq uint64) []Gap {
	if at == 0 {
		return nil
	}
	end := w.state.Seen[at-1].End
	if seq == end || seq-end > newProfile {
		return nil
	}
	if at < len(w.state.Seen) && w.state.Seen[at].Start-end <= newProfile {
		return nil
	}
	return []Gap{{end, seq}}
}

// insert adds seq before the range at, where it belongs.
func (w *Window) insert(at int, seq uint64) {
	ranges := w.state.Seen
	before := at > 0 && ranges[at-1].End == seq
	behind := at < len(ranges) && ranges[at].Start == seq+1
	switch {
	case before && behind:
		ranges[at-1].End = ranges[at].End
		ranges = slices.Delete(ranges, at, at+1)
	case before:
		ranges[at-1].End = seq + 1
	case behind:
		ranges[at].Start = seq
	default:
		ranges = slices.Insert(ranges, at, wire.SeqRange{Start: seq, End: seq + 1})
	}
	if len(ranges) > maxRanges {
		ranges = slices.Delete(ranges, 0, 1)
		w.state.Floor = ranges[0].Start
	}
	w.state.Seen = ranges
}

func validSeq(seq uint64) bool { return seq != 0 && seq != math.MaxUint64 }

// MarshalBinary returns the window as it is stored.
func (w *Window) MarshalBinary() ([]byte, error) { return w.state.MarshalBinary() }

// UnmarshalBinary reads a stored window. No bytes are the zero window.
func (w *Window) UnmarshalBinary(b []byte) error {
	if len(b) == 0 {
		w.state = wire.SeqWindow{}
		return nil
	}
	var state wire.SeqWindow
	if err := state.UnmarshalBinary(b); err != nil {
		return fmt.Errorf("window: %w", err)
	}
	last := state.Floor
	for i, r := range state.Seen {
		if r.Start >= r.End || r.Start < last || i > 0 && r.Start == last {
			return errors.New("window: its ranges are not in order")
		}
		last = r.End
	}
	w.state = state
	return nil
}
