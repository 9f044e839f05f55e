package transport

import "time"

const (
	// keepAliveFirst is how long a silence may last at first: most NATs remember UDP for
	// 30 seconds at least. keepAliveLeast is for those that don't.
	keepAliveFirst = 25 * time.Second
	keepAliveLeast = 5 * time.Second
	// keepAliveGood silences that the NAT got over, and the next may be half as long again.
	keepAliveGood = 4
	// keepAliveMemory is for how long a NAT that forgot us isn't tried with more.
	keepAliveMemory = time.Hour
)

// A keepAlive decides when a silent connection shows a sign of life, for the sake of NATs
// on the way. Nobody says how long they remember, so it finds out: silences get longer
// while nothing happens, up to what the application allows. A peer that challenges
// our address has seen it change; when that follows a silence, the silence was too long.
//
// Only what we send counts. A NAT need not take what the peer sends for a sign of life
// (RFC 4787, REQ-6).
type keepAlive struct {
	most time.Duration // what the application allows; 0: no signs of life
	wait time.Duration // the longest silence for now
	good int           // silences of wait since it last changed

	sentAt  instant
	silence time.Duration // the last long one; 0 once judged
	endedAt instant       // when it ended
	limit   time.Duration // the NAT forgot us after a silence not much longer; 0: it never did
	until   instant       // and then limit is forgotten, too
}

// allow sets the longest silence, 0 for any.
func (k *keepAlive) allow(most time.Duration) {
	k.most = most
	k.wait = min(max(k.wait, keepAliveFirst), most)
	if k.limit > 0 {
		k.wait = min(k.wait, k.limit)
	}
}

// deadline is when the silence has lasted long enough; never if it may last.
func (k *keepAlive) deadline() instant {
	if k.most <= 0 {
		return 0
	}
	return k.sentAt.add(k.wait)
}

// onSent takes note of a packet of ours.
func (k *keepAlive) onSent(now instant) {
	silence := now.sub(k.sentAt)
	first := k.sentAt == 0
	k.sentAt = now
	if first || silence < keepAliveLeast {
		return
	}
	k.silence, k.endedAt = silence, now
	if k.most <= 0 || silence < k.wait {
		return
	}
	if k.good++; k.good < keepAliveGood {
		return
	}
	k.good = 0
	if k.until.reached(now) {
		k.limit, k.until = 0, 0
	}
	k.wait = min(k.wait+k.wait/2, k.most)
	if k.limit > 0 {
		k.wait = min(k.wait, k.limit)
	}
}

// onChallenge says that the peer saw us come from another address.
func (k *keepAlive) onChallenge(now instant) {
	if k.silence == 0 || now.sub(k.endedAt) > keepAliveLeast {
		return // we were not silent: it wasn't forgetfulness
	}
	k.limit, k.until = max(k.silence*2/3, keepAliveLeast), now.add(keepAliveMemory)
	k.silence, k.good = 0, 0
	k.wait = min(k.wait, k.limit)
}
