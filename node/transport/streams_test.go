package transport

import (
	"testing"
	"time"
)

// A stream that waits for the connection's credit must still be able to say what
// needs none: else two ends that echo to each other wait for ever.
func TestStarvedStreamStillGrantsCredit(t *testing.T) {
	var c state
	c.streams.init(true)
	s := c.streams.open(&c)
	s.open = false
	s.send.write(make([]byte, 10))
	c.streams.starve(s)
	c.streams.schedule(s)
	if c.streams.busy() {
		t.Fatal("a stream with nothing but new bytes is queued without credit")
	}
	s.receive.window.pending = true
	c.streams.schedule(s)
	if c.streams.first() != s {
		t.Error("a starved stream can't grant credit to the peer")
	}
}

// A stream that was opened, reset at once, and whose OPEN is lost after the RESET
// has gone out.
func TestOpenLostAfterReset(t *testing.T) {
	v := newVictim(t)
	s := v.st.streams.open(v.st)
	v.poll()
	s.send.giveUp(1)
	v.st.streams.schedule(s)
	v.poll()
	v.st.itemLost(&item{kind: itemOpen, stream: s})
	done := make(chan struct{})
	go func() { v.poll(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection never stops looking for something to send")
	}
	if v.st.streams.busy() {
		t.Error("the stream is still queued")
	}
}

// A connection must never ask to be woken for something it can't do: each of
// these would wake it a thousand times a second.
func TestNoTimerSpins(t *testing.T) {
	spin := func(t *testing.T, v *victim, limit int) {
		t.Helper()
		fired := 0
		for end := v.now.add(30 * time.Second); v.now < end; {
			v.poll()
			at := v.st.nextTimeout()
			if at == 0 {
				break
			}
			v.now = max(at, v.now.add(time.Millisecond))
			v.st.timeout(v.now)
			fired++
		}
		if fired > limit {
			t.Errorf("woken %d times in 30 seconds, want at most %d", fired, limit)
		}
	}
	t.Run("nothing to do", func(t *testing.T) {
		v := newVictim(t)
		v.poll()
		v.send(ack(0, 0))
		spin(t, v, 5)
	})
	t.Run("peer gone", func(t *testing.T) {
		v := newVictim(t)
		s := v.st.streams.open(v.st)
		s.send.write(make([]byte, 400_000))
		v.st.streams.schedule(s)
		spin(t, v, 100)
	})
	t.Run("address not proven", func(t *testing.T) {
		v := newVictim(t)
		v.poll()
		v.from = eveAt
		v.st.path.to = eveAt
		v.st.path.proven, v.st.path.factor, v.st.path.in, v.st.path.out = false, 1, 0, 0
		s := v.st.streams.open(v.st)
		s.send.write(make([]byte, 400_000))
		v.st.streams.schedule(s)
		spin(t, v, 100)
	})
	t.Run("keepalive with a full window", func(t *testing.T) {
		v := newVictim(t)
		v.st.keepAlive.allow(time.Second)
		s := v.st.streams.open(v.st)
		s.send.write(make([]byte, 400_000))
		v.st.streams.schedule(s)
		spin(t, v, 150)
	})
}
