package transport

import (
	"testing"

	"sotto/wire"
)

// Somebody who asks again for what it was told didn't hear it. The answer goes out twice
// then; what is new, or not urgent, is answered once.
func TestAckThatGotLost(t *testing.T) {
	for _, c := range []struct {
		name   string
		urgent bool
		offset uint64
		want   int
	}{
		{"new", true, 5, 1}, {"known", true, 0, 2}, {"known, no hurry", false, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newVictim(t)
			v.send(data(1, 0, "hello"))
			v.now = v.now.add(maxAckDelay)
			v.poll()
			v.urgent = c.urgent
			v.send(data(1, c.offset, "hello"))
			acks := 0
			for _, s := range v.poll() {
				if s.Type == wire.SegmentTypeAck {
					acks++
				}
			}
			if acks != c.want {
				t.Errorf("%d acknowledgements, want %d", acks, c.want)
			}
		})
	}
}
