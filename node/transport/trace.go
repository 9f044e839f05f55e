package transport

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// A trace writes what happens to the connections of an endpoint, one line of JSON for
// each event, with the names and units of qlog where it has any:
//
//	{"time":20.31,"conn":"9c05e1f60a7d2b34","name":"transport:packet_sent","data":{"number":7,"size":1200,...}}
//
// time is in milliseconds since the endpoint began; conn is the endpoint's own ID of
// the connection. Nothing in a trace is secret, but sizes and times tell a lot.
type trace struct {
	mu sync.Mutex
	w  io.Writer // nil after it has failed
}

type traceLine struct {
	Time float64 `json:"time"`
	Conn string  `json:"conn"`
	Name string  `json:"name"`
	Data any     `json:"data"`
}

// write writes a line. A trace that can't be written ends; the connection goes on.
func (t *trace) write(m traceLine) {
	b, err := json.Marshal(m)
	if err != nil {
		panic("transport: trace: " + err.Error()) // the types below can all be marshalled
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.w == nil {
		return
	}
	if _, err := t.w.Write(append(b, '\n')); err != nil {
		t.w = nil
	}
}

// A connTrace is one connection's part of a trace. A nil one writes nothing.
type connTrace struct {
	to   *trace
	conn string
}

// newConnTrace returns nil if there is no trace.
func newConnTrace(to *trace, local uint64) *connTrace {
	if to == nil {
		return nil
	}
	return &connTrace{to: to, conn: fmt.Sprintf("%016x", local)}
}

func (c *connTrace) write(now instant, name string, data any) {
	ms := float64(now.sub(clockStart)/time.Microsecond) / 1000
	c.to.write(traceLine{Time: ms, Conn: c.conn, Name: name, Data: data})
}

type tracePacket struct {
	Number int64 `json:"number"`
	Size   int   `json:"size"`
	AckNow bool  `json:"ack_now,omitempty"` // it asks for an acknowledgement without delay
	Probe  bool  `json:"probe,omitempty"`   // sent after a probe timeout
	MTU    bool  `json:"mtu_probe,omitempty"`
	Copy   bool  `json:"copy,omitempty"` // sent before anybody knew of a loss, or copied so
}

func packetTrace(number int64, p *sentPacket) tracePacket {
	return tracePacket{Number: number, Size: int(p.size), Probe: p.probe, MTU: p.mtu, Copy: p.thin}
}

func (c *connTrace) sent(now instant, number int64, p *sentPacket, ackNow bool) {
	if c == nil {
		return
	}
	t := packetTrace(number, p)
	t.AckNow = ackNow
	c.write(now, "transport:packet_sent", t)
}

func (c *connTrace) received(now instant, number int64, size int) {
	if c != nil {
		c.write(now, "transport:packet_received", tracePacket{Number: number, Size: size})
	}
}

func (c *connTrace) acked(now instant, number int64, p *sentPacket) {
	if c != nil {
		c.write(now, "recovery:packet_acked", packetTrace(number, p))
	}
}

func (c *connTrace) lost(now instant, number int64, p *sentPacket) {
	if c != nil {
		c.write(now, "recovery:packet_lost", packetTrace(number, p))
	}
}

// probeTimeout says that nothing was heard for too long, for the count-th time.
func (c *connTrace) probeTimeout(now instant, count int) {
	if c == nil {
		return
	}
	c.write(now, "recovery:probe_timeout", struct {
		Count int `json:"count"`
	}{count})
}

// metrics says what the sender goes by from now on.
func (c *connTrace) metrics(now instant, r *recovery) {
	if c == nil {
		return
	}
	size := basePacket
	if r.mtu != nil {
		size = r.mtu.size
	}
	ms := func(d time.Duration) float64 { return float64(d/time.Microsecond) / 1000 }
	c.write(now, "recovery:metrics_updated", struct {
		Window   int     `json:"congestion_window"` // bytes
		InFlight int     `json:"bytes_in_flight"`
		Rate     int     `json:"pacing_rate"` // bits per second; 0: not paced
		Smoothed float64 `json:"smoothed_rtt"`
		Latest   float64 `json:"latest_rtt"`
		Least    float64 `json:"min_rtt"`
		MTU      int     `json:"mtu"`
	}{
		r.cc.window(), r.sent.inFlight, int(8 * r.cc.rate()),
		ms(r.rtt.smoothed), ms(r.rtt.latest), ms(r.rtt.min), size,
	})
}

// closed says that the connection is over, and why.
func (c *connTrace) closed(now instant, err error) {
	if c == nil {
		return
	}
	reason := ""
	if err != nil {
		reason = err.Error()
	}
	c.write(now, "connectivity:connection_closed", struct {
		Reason string `json:"reason,omitempty"`
	}{reason})
}
