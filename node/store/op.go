package store

import (
	"fmt"

	"sotto/wire"
)

// The operations, as declared in spec/store.wire, which says what they mean.
type (
	PutUser     = wire.StorePutUser
	Append      = wire.StoreAppend
	Ack         = wire.StoreAck
	Mark        = wire.StoreMark
	SetManifest = wire.StoreSetManifest
	Put         = wire.StorePut
	Expire      = wire.StoreExpire
	Refuse      = wire.StoreRefuse
	Enter       = wire.StoreEnter
	AckBut      = wire.StoreAckBut
	EnterOnce   = wire.StoreEnterOnce
)

// An Op is one change of the state; exactly one pointer is set.
type Op struct {
	At int64 // the proposer's clock, Unix ms: applying reads no other

	PutUser     *PutUser     // -> Rev; ErrConflict, ErrTooBig
	Append      *Append      // -> Seq, Fresh, Acked, Refused; ErrNotFound, ErrFull, ErrTooBig
	Ack         *Ack         // -> Dropped; ErrNotFound
	Refuse      *Refuse      // -> Dropped
	Mark        *Mark        // -> Fresh
	SetManifest *SetManifest // ErrConflict
	Put         *Put
	Expire      *Expire    // -> Dropped: 0 when nothing is left
	Enter       *Enter     // -> Rev; ErrConflict, ErrNotFound, ErrTooBig
	AckBut      *AckBut    // -> Dropped; ErrNotFound
	EnterOnce   *EnterOnce // as Enter; ErrUsed
}

// encode gives the bytes of a StoreOp.
func (op *Op) encode() ([]byte, error) {
	m := wire.StoreOp{AtMs: uint64(op.At)}
	set := 0
	if op.PutUser != nil {
		m.Kind, m.PutUser = wire.StoreOpKindPutUser, *op.PutUser
		set++
	}
	if op.Append != nil {
		m.Kind, m.Append = wire.StoreOpKindAppend, *op.Append
		set++
	}
	if op.Ack != nil {
		m.Kind, m.Ack = wire.StoreOpKindAck, *op.Ack
		set++
	}
	if op.Mark != nil {
		m.Kind, m.Mark = wire.StoreOpKindMark, *op.Mark
		set++
	}
	if op.SetManifest != nil {
		m.Kind, m.SetManifest = wire.StoreOpKindSetManifest, *op.SetManifest
		set++
	}
	if op.Put != nil {
		m.Kind, m.Put = wire.StoreOpKindPut, *op.Put
		set++
	}
	if op.Expire != nil {
		m.Kind, m.Expire = wire.StoreOpKindExpire, *op.Expire
		set++
	}
	if op.Refuse != nil {
		m.Kind, m.Refuse = wire.StoreOpKindRefuse, *op.Refuse
		set++
	}
	if op.Enter != nil {
		m.Kind, m.Enter = wire.StoreOpKindEnter, *op.Enter
		set++
	}
	if op.AckBut != nil {
		m.Kind, m.AckBut = wire.StoreOpKindAckBut, *op.AckBut
		set++
	}
	if op.EnterOnce != nil {
		m.Kind, m.EnterOnce = wire.StoreOpKindEnterOnce, *op.EnterOnce
		set++
	}
	if set != 1 {
		return nil, fmt.Errorf("store: %d changes in one operation: %w", set, ErrBadOp)
	}
	// What is too big is refused here already, as it may not fit the length
	// prefix. Applying checks it again: not all proposers need to be us.
	for _, body := range []struct {
		bytes []byte
		max   int
	}{
		{m.PutUser.Record, MaxRecord},
		{m.Append.Body, MaxEnvelope},
		{m.SetManifest.Body, MaxManifest},
		{m.Put.Value, MaxValue},
		{m.Enter.User.Record, MaxRecord},
		{m.Enter.Entry, MaxEntry},
		{m.EnterOnce.Enter.User.Record, MaxRecord},
		{m.EnterOnce.Enter.Entry, MaxEntry},
	} {
		if len(body.bytes) > body.max {
			return nil, fmt.Errorf("store: %v of %d bytes, at most %d: %w", m.Kind, len(body.bytes), body.max, ErrTooBig)
		}
	}
	b, err := m.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("store: %w: %w", ErrBadOp, err)
	}
	return b, nil
}
