package transport

import (
	"testing"
	"time"

	"sotto/node/simnet"
)

// A client that only listens, behind NATs of different memory. Messages of the server must
// find it, and a sign of life costs a packet and its answer.
func TestKeepAliveFindsWhatTheNATNeeds(t *testing.T) {
	const hours = 6
	for name, nat := range map[string]struct {
		memory time.Duration // 0: no NAT
		late   int           // messages of 360 that may come late, while it finds out
		most   int           // packets of the client in the last 5 hours
	}{
		"no NAT":     {0, 0, 3 * 60 * 5},
		"2 minutes":  {2*time.Minute + time.Second, 0, 3 * 60 * 5},
		"30 seconds": {30 * time.Second, 3, 9 * 60 * 5},
		"8 seconds":  {8 * time.Second, 3, 20 * 60 * 5},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, 1, simnet.Link{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
				a, b := joined(t, w)
				if nat.memory > 0 {
					w.net.NAT(w.sock, nat.memory)
				}
				a.SetKeepAlive(2 * time.Minute)
				got := make(chan time.Time, 1)
				w.wg.Go(func() {
					for {
						if _, err := a.ReceiveDatagram(t.Context()); err != nil {
							return
						}
						got <- time.Now()
					}
				})
				late, before := 0, uint64(0)
				for minute := range hours * 60 {
					if minute == 60 {
						before = w.client.Counters().Sent
					}
					// At a time of the minute that wanders through it.
					time.Sleep(time.Minute - 7*time.Second)
					b.SendDatagram([]byte("a message"))
					select {
					case <-got:
					case <-time.After(time.Second):
						late++
					}
					time.Sleep(time.Duration(minute%15) * time.Second)
				}
				if a.Err() != nil || b.Err() != nil {
					t.Fatalf("got %v and %v, want a living connection", a.Err(), b.Err())
				}
				sent := int(w.client.Counters().Sent - before)
				t.Logf("%d messages late; %d packets in 5 hours", late, sent)
				if late > nat.late || sent > nat.most {
					t.Errorf("%d messages late, want at most %d; %d packets in 5 hours, want at most %d", late, nat.late, sent, nat.most)
				}
				a.CloseWithCode(0, "")
				<-b.Done()
			})
		})
	}
}

func TestKeepAliveWait(t *testing.T) {
	var k keepAlive
	now := instant(time.Second)
	silent := func(d time.Duration) { now = now.add(d); k.onSent(now) }
	k.onSent(now)
	if k.deadline() != 0 {
		t.Errorf("a deadline at %v, want none before the application asks", k.deadline())
	}
	k.allow(time.Minute)
	if got := k.deadline().sub(now); got != keepAliveFirst {
		t.Errorf("the first silence may last %v, want %v", got, keepAliveFirst)
	}
	for range 100 {
		silent(k.wait)
	}
	if k.wait != time.Minute {
		t.Errorf("silences of up to %v, want what the application allows", k.wait)
	}
	k.onChallenge(now)
	if k.wait != 40*time.Second {
		t.Errorf("silences of up to %v after one of a minute was too long, want two thirds", k.wait)
	}
	// What the peer asks while we talk has nothing to do with silence.
	for range 10 {
		silent(time.Second)
	}
	k.onChallenge(now)
	if k.wait != 40*time.Second {
		t.Errorf("silences of up to %v, want no change without a silence", k.wait)
	}
	for range 20 {
		silent(k.wait)
	}
	if k.wait != 40*time.Second {
		t.Errorf("silences of up to %v within the hour, want no more than passed", k.wait)
	}
	for range 200 {
		silent(k.wait)
	}
	if k.wait != time.Minute {
		t.Errorf("silences of up to %v after hours, want another try", k.wait)
	}
	k.allow(10 * time.Second)
	if k.wait != 10*time.Second {
		t.Errorf("silences of up to %v, the application allows 10s", k.wait)
	}
	for range 10 {
		silent(k.wait)
		k.onChallenge(now)
	}
	if k.wait != keepAliveLeast {
		t.Errorf("silences of up to %v, want never less than %v", k.wait, keepAliveLeast)
	}
}
