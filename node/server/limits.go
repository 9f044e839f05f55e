package server

import (
	"time"

	"sotto/wire"
)

// Limits bound what clients can make the server hold or do. They are choices,
// not rules of the protocol; the zero value of a field means its default.
type Limits struct {
	Sessions           int           // users online at once
	Visits             int           // of those, sessions that wait for a device or an account to be made known
	RequestsPerSession int           // being read or answered at once for one session
	LargeRequests      int           // of more than 64 KiB, for all sessions together
	Queue              int           // pushes apart from the mailbox that wait for one session
	Attach             time.Duration // from the login to the control stream
	Visit              time.Duration // for a device or an account to be made known, before a session can begin
	Age                time.Duration // of a session, which then has to begin anew with other keys
	Idle               time.Duration // silence after which a client counts as gone
	Stall              time.Duration // without one byte of progress on a stream
	Linger             time.Duration // for a client to leave by itself after a last word
	Keep               time.Duration // an envelope that nobody fetches
	Introduction       time.Duration // from the introduction to the dial

	Sends      Rate // messages of one user
	SendBytes  Rate // their bytes
	DailySends Rate // messages of one user in the long run: the store knows each for a day after it is gone
	Locates    Rate
	Lists      Rate

	// Of the default tier.
	Invitation time.Duration // that a user has asked for
	Leaves     Rate          // parts of the log
	Publishes  Rate          // entries of one user, who makes the log longer for everybody
	Invites    Rate
}

// A Rate is an allowance: so many a second, and so many at once.
type Rate struct {
	PerSecond, Burst float64
}

// defaults are meant for a person and his scripts on a small machine.
var defaults = Limits{
	Sessions:           10_000,
	Visits:             1000,
	RequestsPerSession: 16,
	LargeRequests:      256,
	Queue:              256,
	Attach:             10 * time.Second,
	Visit:              5 * time.Minute,
	Age:                wire.ConnAge * time.Second,
	Idle:               time.Minute,
	Stall:              30 * time.Second,
	Linger:             time.Second,
	Keep:               30 * 24 * time.Hour,
	Introduction:       30 * time.Second,
	Sends:              Rate{PerSecond: 1000, Burst: 4000},
	SendBytes:          Rate{PerSecond: 16 << 20, Burst: 64 << 20},
	DailySends:         Rate{PerSecond: 10, Burst: 100_000}, // a million a day, which take some 100 MB
	Locates:            Rate{PerSecond: 20, Burst: 100},
	Lists:              Rate{PerSecond: 10, Burst: 50},
	Invitation:         24 * time.Hour,
	Leaves:             Rate{PerSecond: 10, Burst: 100},
	Publishes:          Rate{PerSecond: 1.0 / 600, Burst: 20},
	Invites:            Rate{PerSecond: 1.0 / 60, Burst: 20},
}

// or returns v, or the default where v is the zero value.
func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// filled returns l with defaults where it says nothing.
func (l Limits) filled() Limits {
	d := defaults
	return Limits{
		Sessions:           or(l.Sessions, d.Sessions),
		Visits:             or(l.Visits, d.Visits),
		RequestsPerSession: or(l.RequestsPerSession, d.RequestsPerSession),
		LargeRequests:      or(l.LargeRequests, d.LargeRequests),
		Queue:              or(l.Queue, d.Queue),
		Attach:             or(l.Attach, d.Attach),
		Visit:              or(l.Visit, d.Visit),
		Age:                or(l.Age, d.Age),
		Idle:               or(l.Idle, d.Idle),
		Stall:              or(l.Stall, d.Stall),
		Linger:             or(l.Linger, d.Linger),
		Keep:               or(l.Keep, d.Keep),
		Introduction:       or(l.Introduction, d.Introduction),
		Sends:              or(l.Sends, d.Sends),
		SendBytes:          or(l.SendBytes, d.SendBytes),
		DailySends:         or(l.DailySends, d.DailySends),
		Locates:            or(l.Locates, d.Locates),
		Lists:              or(l.Lists, d.Lists),
		Invitation:         or(l.Invitation, d.Invitation),
		Leaves:             or(l.Leaves, d.Leaves),
		Publishes:          or(l.Publishes, d.Publishes),
		Invites:            or(l.Invites, d.Invites),
	}
}
