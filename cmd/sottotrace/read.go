package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A course is what a trace says of one connection.
type course struct {
	conn                        string
	sent, received, acked, lost []packet
	timeouts                    []float64 // ms
	metrics                     []metrics
	begin, end                  float64 // ms
	closed                      string  // why it ended, "" if the trace doesn't say
}

type packet struct {
	at     float64 // ms
	number int64
}

type metrics struct {
	at               float64 // ms
	window, inFlight float64 // bytes
	rate             float64 // bits per second
	smoothed, latest float64 // ms
	least            float64
}

// longestLine is far more than a line of a trace has.
const longestLine = 64 << 10

// read reads a trace, connection by connection in the order of their first lines.
// Events that it doesn't know are left out.
func read(r io.Reader) ([]*course, error) {
	var all []*course
	byID := make(map[string]*course)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestLine)
	for n := 1; lines.Scan(); n++ {
		var m struct {
			Time float64
			Conn string
			Name string
			Data struct {
				Number   int64
				Window   float64 `json:"congestion_window"`
				InFlight float64 `json:"bytes_in_flight"`
				Rate     float64 `json:"pacing_rate"`
				Smoothed float64 `json:"smoothed_rtt"`
				Latest   float64 `json:"latest_rtt"`
				Least    float64 `json:"min_rtt"`
				Reason   string
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		c := byID[m.Conn]
		if c == nil {
			c = &course{conn: m.Conn, begin: m.Time}
			byID[m.Conn] = c
			all = append(all, c)
		}
		c.end = max(c.end, m.Time)
		p := packet{m.Time, m.Data.Number}
		switch m.Name {
		case "transport:packet_sent":
			c.sent = append(c.sent, p)
		case "transport:packet_received":
			c.received = append(c.received, p)
		case "recovery:packet_acked":
			c.acked = append(c.acked, p)
		case "recovery:packet_lost":
			c.lost = append(c.lost, p)
		case "recovery:probe_timeout":
			c.timeouts = append(c.timeouts, m.Time)
		case "recovery:metrics_updated":
			d := &m.Data
			c.metrics = append(c.metrics, metrics{m.Time, d.Window, d.InFlight, d.Rate, d.Smoothed, d.Latest, d.Least})
		case "connectivity:connection_closed":
			c.closed = m.Data.Reason
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return all, nil
}

// choose picks the connection whose ID begins with prefix, or the busiest.
func choose(all []*course, prefix string) (*course, error) {
	var best *course
	for _, c := range all {
		if prefix == "" {
			if best == nil || len(c.sent)+len(c.received) > len(best.sent)+len(best.received) {
				best = c
			}
			continue
		}
		if !strings.HasPrefix(c.conn, prefix) {
			continue
		}
		if best != nil {
			return nil, fmt.Errorf("both connection %s and %s begin with %s", best.conn, c.conn, prefix)
		}
		best = c
	}
	switch {
	case best != nil:
		return best, nil
	case prefix != "":
		return nil, fmt.Errorf("no connection of this trace begins with %s", prefix)
	}
	return nil, errors.New("the trace is empty")
}
