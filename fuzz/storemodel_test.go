package fuzz

import (
	"bytes"
	"cmp"
	"reflect"
	"slices"
	"strings"

	"sotto/node/store"
)

// A storeModel is what spec/store.wire says of the operations, without
// durability, speed or quotas.
type storeModel struct {
	users    map[string]*store.User
	owner    map[store.Mailbox]string
	items    map[store.Mailbox][]store.Stored
	last     store.Seq // given to an item
	gone     map[storeID]storeGone
	marks    map[[32]byte]storeMark
	manifest *store.SetManifest
	leaves   []storeLeaf
	ticks    int
	tickAt   int64
}

type storeID struct {
	mailbox store.Mailbox
	from    string
	id      store.MsgID
}

type storeGone struct {
	seq   store.Seq
	until int64
}

type storeMark struct {
	expires int64
	tick    int
}

type storeLeaf struct {
	op  store.Enter
	rev uint64
}

const storeDay = 24 * 60 * 60 * 1000

func newStoreModel() *storeModel {
	return &storeModel{
		users: map[string]*store.User{},
		owner: map[store.Mailbox]string{},
		items: map[store.Mailbox][]store.Stored{},
		gone:  map[storeID]storeGone{},
		marks: map[[32]byte]storeMark{},
	}
}

// apply gives what the store should answer.
func (m *storeModel) apply(op store.Op) (store.Result, error) {
	switch {
	case op.PutUser != nil:
		return m.putUser(op.PutUser)
	case op.Append != nil:
		return m.append(op.At, op.Append)
	case op.Ack != nil:
		return m.ack(op.At, op.Ack)
	case op.Mark != nil:
		if _, ok := m.marks[op.Mark.Key]; ok {
			return store.Result{}, nil
		}
		m.marks[op.Mark.Key] = storeMark{int64(op.Mark.ExpiresMs), m.ticks}
		return store.Result{Fresh: true}, nil
	case op.SetManifest != nil:
		old := m.manifest
		if old != nil && op.SetManifest.Version <= old.Version {
			if op.SetManifest.Version == old.Version && bytes.Equal(op.SetManifest.Body, old.Body) {
				return store.Result{}, nil
			}
			return store.Result{}, store.ErrConflict
		}
		m.manifest = op.SetManifest
		return store.Result{}, nil
	case op.Enter != nil:
		return m.enter(op.Enter)
	case op.Expire != nil:
		return m.expire(op.At, int(op.Expire.Max))
	}
	return store.Result{}, nil
}

func (m *storeModel) putUser(op *store.PutUser) (store.Result, error) {
	if strings.Contains(op.Name, "/") {
		return store.Result{}, store.ErrBadOp
	}
	u := m.users[strings.ToLower(op.Name)]
	if u == nil {
		_, taken := m.owner[op.Mailbox]
		switch {
		case op.OldRev != 0:
			return store.Result{}, store.ErrNotFound
		case taken:
			return store.Result{}, store.ErrConflict
		}
		m.users[strings.ToLower(op.Name)] = &store.User{Name: op.Name, Mailbox: op.Mailbox, Rev: 1, Record: op.Record}
		m.owner[op.Mailbox] = op.Name
		return store.Result{Rev: 1}, nil
	}
	switch {
	case u.Mailbox != op.Mailbox:
		return store.Result{}, store.ErrConflict
	case u.Rev == op.OldRev+1 && bytes.Equal(u.Record, op.Record):
		return store.Result{Rev: u.Rev}, nil
	case u.Rev != op.OldRev:
		return store.Result{}, store.ErrConflict
	}
	u.Rev, u.Record = u.Rev+1, op.Record
	return store.Result{Rev: u.Rev}, nil
}

func (m *storeModel) enter(op *store.Enter) (store.Result, error) {
	if op.Leaf < uint64(len(m.leaves)) {
		if made := m.leaves[op.Leaf]; reflect.DeepEqual(made.op, *op) {
			return store.Result{Rev: made.rev}, nil
		}
		return store.Result{}, store.ErrConflict
	}
	if op.Leaf > uint64(len(m.leaves)) {
		return store.Result{}, store.ErrConflict
	}
	if u := m.users[strings.ToLower(op.User.Name)]; u != nil && u.Rev != op.User.OldRev {
		return store.Result{}, store.ErrConflict // even if it is what the operation makes of it
	}
	res, err := m.putUser(&op.User)
	if err == nil {
		m.leaves = append(m.leaves, storeLeaf{*op, res.Rev})
	}
	return res, err
}

func (m *storeModel) append(at int64, op *store.Append) (store.Result, error) {
	if strings.Contains(op.From, "/") {
		return store.Result{}, store.ErrBadOp
	}
	if _, ok := m.owner[op.Mailbox]; !ok {
		return store.Result{}, store.ErrNotFound
	}
	for _, it := range m.items[op.Mailbox] {
		if it.Kind == store.KindEnvelope && it.ID == op.Id && strings.EqualFold(it.From, op.From) {
			return store.Result{Seq: it.Seq}, nil
		}
	}
	if g, ok := m.gone[storeID{op.Mailbox, strings.ToLower(op.From), op.Id}]; ok {
		return store.Result{Seq: g.seq, Acked: true}, nil
	}
	m.last++
	m.items[op.Mailbox] = append(m.items[op.Mailbox], store.Stored{
		Seq: m.last, ID: op.Id, From: op.From, At: at, Expires: int64(op.ExpiresMs), Body: op.Body})
	return store.Result{Seq: m.last, Fresh: true}, nil
}

func (m *storeModel) ack(at int64, op *store.Ack) (store.Result, error) {
	if _, ok := m.owner[op.Mailbox]; !ok {
		return store.Result{}, store.ErrNotFound
	}
	all := m.items[op.Mailbox]
	var acked []store.Stored
	for len(all) > 0 && all[0].Seq <= store.Seq(op.UpTo) {
		acked, all = append(acked, all[0]), all[1:]
	}
	m.items[op.Mailbox] = slices.Clone(all)
	for _, it := range acked {
		if it.Kind == store.KindEnvelope {
			m.gone[storeID{op.Mailbox, strings.ToLower(it.From), it.ID}] = storeGone{it.Seq, at + storeDay}
			m.note(at, it, op.Mailbox, store.KindDelivered)
		}
	}
	return store.Result{Dropped: len(acked)}, nil
}

// note tells the sender of an envelope what became of it.
func (m *storeModel) note(at int64, it store.Stored, mailbox store.Mailbox, kind store.Kind) {
	sender := m.users[strings.ToLower(it.From)]
	if sender == nil {
		return
	}
	m.last++ // used up even if the note is there already
	about := m.owner[mailbox]
	for _, n := range m.items[sender.Mailbox] {
		if n.Kind == kind && n.ID == it.ID && strings.EqualFold(n.From, about) {
			return
		}
	}
	m.items[sender.Mailbox] = append(m.items[sender.Mailbox], store.Stored{
		Seq: m.last, Kind: kind, ID: it.ID, From: about, At: at, Expires: at + 30*storeDay})
}

func (m *storeModel) expire(at int64, most int) (store.Result, error) {
	if at-m.tickAt >= 30_000 || m.tickAt-at >= 30_000 {
		m.ticks, m.tickAt = m.ticks+1, at
	}
	type place struct {
		mailbox store.Mailbox
		item    store.Stored
	}
	var ended []place
	for mailbox, items := range m.items {
		for _, it := range items {
			if it.Expires <= at {
				ended = append(ended, place{mailbox, it})
			}
		}
	}
	slices.SortFunc(ended, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.item.Expires, b.item.Expires), cmp.Compare(a.item.Seq, b.item.Seq))
	})
	ended = ended[:min(most, len(ended))]
	for _, e := range ended {
		m.items[e.mailbox] = slices.DeleteFunc(slices.Clone(m.items[e.mailbox]), func(it store.Stored) bool { return it.Seq == e.item.Seq })
		if e.item.Kind == store.KindEnvelope {
			m.note(at, e.item, e.mailbox, store.KindExpired)
		}
	}
	dropped := len(ended)

	var gone []storeID
	for id, g := range m.gone {
		if g.until <= at {
			gone = append(gone, id)
		}
	}
	slices.SortFunc(gone, func(a, b storeID) int {
		return cmp.Or(cmp.Compare(m.gone[a].until, m.gone[b].until), bytes.Compare(a.mailbox[:], b.mailbox[:]),
			strings.Compare(a.from, b.from), bytes.Compare(a.id[:], b.id[:]))
	})
	for _, id := range gone[:min(most, len(gone))] {
		delete(m.gone, id)
		dropped++
	}

	var marks [][32]byte
	for key, mark := range m.marks {
		if mark.expires <= at && mark.tick <= m.ticks-5 {
			marks = append(marks, key)
		}
	}
	slices.SortFunc(marks, func(a, b [32]byte) int {
		return cmp.Or(cmp.Compare(m.marks[a].expires, m.marks[b].expires), bytes.Compare(a[:], b[:]))
	})
	for _, key := range marks[:min(most, len(marks))] {
		delete(m.marks, key)
		dropped++
	}
	return store.Result{Dropped: dropped}, nil
}
