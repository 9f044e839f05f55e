package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sotto/node/simnet"
)

// traced runs a transfer with loss and returns the client's trace.
func traced(t *testing.T, seed uint64) []byte {
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		w := &world{net: simnet.New(seed)}
		w.net.SetLink(simnet.Link{Delay: 10 * time.Millisecond, Rate: 1_000_000, Loss: 0.03})
		from, err := w.net.Listen(clientAt)
		if err != nil {
			t.Fatal(err)
		}
		to, err := w.net.Listen(serverAt)
		if err != nil {
			t.Fatal(err)
		}
		w.client, err = NewEndpoint(from, Config{Trace: &out, Random: rand.NewChaCha8([32]byte{1})})
		if err != nil {
			t.Fatal(err)
		}
		w.server, err = NewEndpoint(to, Config{Responder: toyResponder{}, Random: rand.NewChaCha8([32]byte{2})})
		if err != nil {
			t.Fatal(err)
		}
		w.serve()
		c := w.dial(t)
		transfer(t, c, 100_000, time.Minute)
		c.CloseWithCode(0, "")
		time.Sleep(time.Minute) // of the bubble
		w.client.Close()
		w.server.Close()
		w.wg.Wait()
	})
	return out.Bytes()
}

// A trace tells the whole story of each packet: what is acknowledged or lost was
// sent, what was sent ends one way or the other, time never runs back, and at the
// end stands the end.
func TestTrace(t *testing.T) {
	b := traced(t, 1)
	type line struct {
		Time float64
		Conn string
		Name string
		Data struct {
			Number int64
			Size   int
			Window int `json:"congestion_window"`
			Reason string
		}
	}
	flying := map[int64]bool{}
	count := map[string]int{}
	var last line
	for i, text := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		var m line
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatalf("line %d: %v: %s", i+1, err, text)
		}
		if m.Time < last.Time {
			t.Fatalf("line %d: time runs back from %v to %v", i+1, last.Time, m.Time)
		}
		if last.Conn != "" && m.Conn != last.Conn {
			t.Fatalf("line %d: connection %s, before it was %s", i+1, m.Conn, last.Conn)
		}
		last = m
		count[m.Name]++
		switch m.Name {
		case "transport:packet_sent":
			flying[m.Data.Number] = true
		case "recovery:packet_acked", "recovery:packet_lost":
			if _, ok := flying[m.Data.Number]; !ok {
				t.Errorf("line %d: packet %d was never sent", i+1, m.Data.Number)
			}
			flying[m.Data.Number] = false
		case "recovery:metrics_updated":
			if m.Data.Window < minimumWindowPackets*basePacket {
				t.Errorf("line %d: window %d", i+1, m.Data.Window)
			}
		}
	}
	for _, name := range []string{"transport:packet_received", "recovery:packet_lost", "recovery:metrics_updated"} {
		if count[name] == 0 {
			t.Errorf("no %s in the trace", name)
		}
	}
	if n := count["transport:packet_sent"]; n < 100_000/usualPacketSize {
		t.Errorf("%d packets sent for 100,000 bytes", n)
	}
	left := 0
	for _, f := range flying {
		if f {
			left++
		}
	}
	if left > fewInFlight {
		t.Errorf("%d packets neither arrived nor were lost", left)
	}
	if last.Name != "connectivity:connection_closed" || last.Data.Reason == "" {
		t.Errorf("the last line is %+v", last)
	}
	if !bytes.Equal(b, traced(t, 1)) {
		t.Error("the same seed gives another trace")
	}
}

// A trace that can't be written doesn't hold up anybody.
func TestTraceFails(t *testing.T) {
	w := &brokenWriter{}
	c := newConnTrace(&trace{w: w}, 7)
	c.received(clockStart, 1, 100)
	c.received(clockStart, 2, 100)
	if w.calls != 1 {
		t.Errorf("written to %d times, want 1", w.calls)
	}
}

type brokenWriter struct{ calls int }

func (w *brokenWriter) Write(b []byte) (int, error) {
	w.calls++
	return 0, errors.New("disk full")
}
