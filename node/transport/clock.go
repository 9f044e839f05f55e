package transport

import "time"

// An instant is a time as nanoseconds since the endpoint began. The state of a
// connection is full of times; as plain numbers they are small and quick to
// compare. The zero instant stands for "never" where a deadline is meant, so
// clocks start above it.
type instant int64

func (t instant) add(d time.Duration) instant { return t + instant(d) }
func (t instant) sub(u instant) time.Duration { return time.Duration(t - u) }

// earliest is the earlier of two deadlines, either of which may be never.
func earliest(a, b instant) instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// reached reports whether a deadline, which may be never, has come.
func (t instant) reached(now instant) bool { return t != 0 && t <= now }

// A clock turns the time of the machine into instants. This file is the only
// place of the package where time is read.
type clock struct{ began time.Time }

// clockStart is what the clock of a new endpoint shows: anything but never.
const clockStart = instant(time.Second)

func newClock() clock { return clock{began: time.Now().Add(-time.Duration(clockStart))} }

func (c clock) now() instant             { return instant(time.Since(c.began)) }
func (c clock) wall(t instant) time.Time { return c.began.Add(time.Duration(t)) }
