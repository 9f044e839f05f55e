package transport

import "testing"

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
