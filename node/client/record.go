package client

import (
	"context"
	"errors"
	"sync"

	"sotto/node/client/profile"
)

// records are changes of our own messages that the profile does not know yet.
// Nothing waits for them: after a crash the old state leads to the same end,
// since the server and the recipients know what they have. So they are
// gathered while the disk is busy, and written together.
type records struct {
	states map[MessageID]stateRecord
	forget [][16]byte // whose end was told
}

type stateRecord struct {
	state profile.State
	why   string
	draft bool // becomes of it
}

// set notes a message's state. Only the latest counts.
func (r *records) set(id MessageID, s State, why string) {
	if r.states == nil {
		r.states = make(map[MessageID]stateRecord)
	}
	state := [...]profile.State{Queued: profile.Queued, Sent: profile.Sent, Delivered: profile.Delivered, Failed: profile.Failed}[s]
	r.states[id] = stateRecord{state: state, why: why}
}

// withdraw notes that a message whose failure was set becomes a draft.
func (r *records) withdraw(id MessageID) {
	s := r.states[id]
	s.draft = true
	r.states[id] = s
}

func (r *records) empty() bool { return len(r.states) == 0 && len(r.forget) == 0 }

// writeRecords writes what the loop hands over, until the client ends.
func (c *Client) writeRecords() {
	for {
		select {
		case r := <-c.records:
			if err := c.writeRecord(r); err != nil {
				c.tell(func(l *loop) { l.emit(Notice{"cannot write to the profile: " + err.Error()}) })
			}
			c.tell(func(l *loop) { l.recording = false })
		case <-c.ctx.Done():
			return
		}
	}
}

// writeRecord writes states, which share a transaction because they are asked
// for at once, and then forgets what is over.
func (c *Client) writeRecord(r records) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for id, s := range r.states {
		wg.Go(func() {
			err := c.record(id, s)
			mu.Lock()
			failed = errors.Join(failed, err)
			mu.Unlock()
		})
	}
	wg.Wait()
	if failed == nil && len(r.forget) > 0 {
		failed = c.cfg.Profile.Forget(context.WithoutCancel(c.ctx), r.forget...)
	}
	return failed
}

// record writes what became of a message.
func (c *Client) record(id MessageID, s stateRecord) error {
	if !s.draft {
		return c.setState(id, s.state, s.why)
	}
	err := c.cfg.Profile.Withdraw(context.WithoutCancel(c.ctx), id, s.why)
	if errors.Is(err, profile.ErrNotFound) {
		return nil
	}
	return err
}

// setState writes a message's state. One that was forgotten needs none.
func (c *Client) setState(id MessageID, s profile.State, why string) error {
	_, err := c.cfg.Profile.SetState(context.WithoutCancel(c.ctx), id, s, why)
	if errors.Is(err, profile.ErrNotFound) {
		return nil
	}
	return err
}
