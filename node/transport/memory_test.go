package transport

import (
	"bytes"
	"io"
	"testing"
	"time"

	"sotto/node/simnet"
)

// Connections whose streams nobody reads hold together what the endpoint may hold, and
// their shares. One that is read goes on, and when they are read at last all is there.
func TestMemoryOfAllConnections(t *testing.T) {
	const limit, conns, each = 500_000, 6, 400_000
	simulate(t, 1, simnet.Link{Delay: 10 * time.Millisecond, Rate: 5_000_000, Queue: 100_000, Loss: 0.01}, func(t *testing.T, w *world) {
		w.server.memory.limit = limit
		var idle []*Stream
		for i := range conns {
			a, b := joined(t, w)
			here, there := duplex(t, a, b)
			w.wg.Go(func() { here.Write(random(each, uint64(i))); here.Close() })
			idle = append(idle, there)
		}
		time.Sleep(5 * time.Second)
		held := w.server.memory.held.Load()
		if held < limit || held > limit+conns*(memoryShare+longestPacket) {
			t.Errorf("%d bytes held, want %d and a share for each of %d", held, limit, conns)
		}
		if got := w.server.Counters().NoMemory; got == 0 {
			t.Error("nothing was refused")
		}
		a, b := joined(t, w)
		w.wg.Go(func() { echo(b) })
		transfer(t, a, 300_000, 20*time.Second)

		for i, s := range idle {
			got, err := io.ReadAll(s)
			if err != nil || !bytes.Equal(got, random(each, uint64(i))) {
				t.Errorf("stream %d: %d bytes, %v, want the %d that were written", i, len(got), err, each)
			}
		}
		if held := w.server.memory.held.Load(); held != 0 {
			t.Errorf("%d bytes held when all is read", held)
		}
	})
}

// The end of a connection gives its memory back, and so does nobody's interest in a stream.
func TestMemoryIsGivenBack(t *testing.T) {
	for name, end := range map[string]func(a *Conn, there *Stream){
		"close": func(a *Conn, there *Stream) { a.CloseWithCode(0, "") },
		"stop":  func(a *Conn, there *Stream) { there.Stop(0) },
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, 1, simnet.Link{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
				a, b := joined(t, w)
				here, there := duplex(t, a, b)
				here.Write(make([]byte, 100_000))
				time.Sleep(time.Second)
				if held := w.server.memory.held.Load(); held != 100_000 {
					t.Errorf("%d bytes held, want what was sent", held)
				}
				end(a, there)
				time.Sleep(time.Second)
				if held := w.server.memory.held.Load(); held != 0 {
					t.Errorf("%d bytes held afterwards", held)
				}
				a.CloseWithCode(0, "")
				<-b.Done()
			})
		})
	}
}

// Idle connections are the first to do with less.
func TestIdleWindowsShrink(t *testing.T) {
	for _, scarce := range []bool{false, true} {
		v := newVictim(t)
		v.st.window.size = maxConnWindow
		if scarce {
			v.st.memory.held.Store(v.st.memory.limit)
		}
		v.send(data(1, 0, "x"))
		v.poll()
		v.now = v.now.add(restAfter + time.Second)
		v.st.timeout(v.now)
		want := int64(maxConnWindow)
		if scarce {
			want = connWindow
		}
		if got := v.st.window.size; got != want || !v.st.resting {
			t.Errorf("memory scarce %v: a window of %d at rest, want %d", scarce, got, want)
		}
	}
}
