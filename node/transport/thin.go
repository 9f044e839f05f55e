package transport

import "time"

const (
	// A copy is made of less than thinPackets packets of together less than thinBytes,
	// when more than thinLoss of the packets are lost.
	thinPackets = 4
	thinBytes   = 512
	thinLoss    = 0.005
	// thinWait is the least time that an acknowledgement is waited for.
	thinWait = 2 * time.Millisecond
	// thinRate is how many bytes of copies a connection may send per second, and
	// thinBurst how many at once.
	thinRate  = 16 << 10
	thinBurst = 2 << 10
	// lossMemory is by how many packets the share of lost ones is judged.
	lossMemory = 64
)

// A thin decides when the little that is under way is sent a second time, before
// anybody can know that it was lost (transport.md 5.10). A message of a chat has
// nothing behind it whose acknowledgement would show its loss, so it waits for the
// probe timeout, which is longer than a round trip; a copy makes that a quarter of
// one. What arrives twice is dropped by its offset. Packets are copied once at
// most, and copies never.
type thin struct {
	loss    float64 // share of packets lost lately
	seen    int     // packets that it counts, up to lossMemory
	at      instant // when a copy is due; never if none is
	spent   float64 // bytes of copies, less what the rate has allowed since
	spentAt instant
}

// onSent takes note of a packet. packets and bytes are under way with it.
func (t *thin) onSent(now instant, copied bool, packets, bytes int, rtt time.Duration) {
	switch {
	case packets >= thinPackets || bytes >= thinBytes || t.loss < thinLoss:
		t.at = 0
	case !copied && t.at == 0:
		t.at = now.add(max(rtt/4, thinWait))
	}
}

// onResult takes note of the fate of a packet.
func (t *thin) onResult(lost bool) {
	t.seen = min(t.seen+1, lossMemory)
	share := 0.0
	if lost {
		share = 1
	}
	t.loss += (share - t.loss) / float64(t.seen)
}

// due reports whether the bytes under way should be copied now. If so they count.
func (t *thin) due(now instant, bytes int) bool {
	if !t.at.reached(now) {
		return false
	}
	t.at = 0
	t.spent = max(0, t.spent-now.sub(t.spentAt).Seconds()*thinRate)
	t.spentAt = now
	if t.spent+float64(bytes) > thinBurst {
		return false
	}
	t.spent += float64(bytes)
	return true
}
