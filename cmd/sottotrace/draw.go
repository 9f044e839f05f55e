package main

import (
	"bufio"
	"fmt"
	"html"
	"math"
	"strconv"
)

// The picture, in pixels.
const (
	width       = 1000
	left, right = 70, 20
	top         = 66
	gap         = 34
)

// The parts of the picture, from top to bottom.
const (
	sequenceHeight = 320
	windowHeight   = 150
	rateHeight     = 100
	rttHeight      = 120
	height         = top + sequenceHeight + windowHeight + rateHeight + rttHeight + 4*gap
)

const style = `text{font:11px sans-serif;fill:#333}.title{font-size:14px}.axis{stroke:#ccc}.frame{fill:none;stroke:#999}
path{fill:none}.dot{stroke-width:2;stroke-linecap:round}.sent{stroke:#bbb}.acked{stroke:#2a6fdb}.received{stroke:#2a9d57}
.lost{stroke:#d62839;stroke-width:1.5}.timeout{stroke:#f08c00;stroke-dasharray:4 3}.line{stroke-width:1.2}
.a{stroke:#2a6fdb}.b{stroke:#9a9a9a}.c{stroke:#2a9d57}`

// draw writes the picture of a connection.
func draw(w *bufio.Writer, c *course) {
	fmt.Fprintf(w, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n<style>%s</style>\n", width, height, width, height, style)
	fmt.Fprintf(w, "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n")
	title := fmt.Sprintf("connection %s: %d packets sent, %d acknowledged, %d lost, %d received, %d probe timeouts", c.conn, len(c.sent), len(c.acked), len(c.lost), len(c.received), len(c.timeouts))
	fmt.Fprintf(w, "<text class=\"title\" x=\"%d\" y=\"20\">%s</text>\n", left, html.EscapeString(title))
	if c.closed != "" {
		fmt.Fprintf(w, "<text x=\"%d\" y=\"37\">ended after %s ms: %s</text>\n", left, plain(math.Round(c.end-c.begin)), html.EscapeString(c.closed))
	}

	time := axis{low: c.begin, high: math.Max(c.end, c.begin+1)}
	y := top
	p := panel{w: w, time: time, top: y, height: sequenceHeight, value: axis{high: highest(c)}}
	p.frame("packet number", "sent b", "acknowledged a", "received c", "lost x", "probe timeout t")
	p.dots("sent", c.sent)
	p.dots("acked", c.acked)
	p.dots("received", c.received)
	p.crosses(c.lost)
	p.uprights(c.timeouts)
	y += sequenceHeight + gap

	p = panel{w: w, time: time, top: y, height: windowHeight, value: axis{high: most(c, func(m metrics) float64 { return math.Max(m.window, m.inFlight) })}}
	p.frame("bytes", "congestion window a", "in flight b")
	p.line("b", c, func(m metrics) float64 { return m.inFlight })
	p.line("a", c, func(m metrics) float64 { return m.window })
	y += windowHeight + gap

	p = panel{w: w, time: time, top: y, height: rateHeight, value: axis{high: most(c, func(m metrics) float64 { return m.rate })}}
	p.frame("bit/s", "pacing rate a")
	p.line("a", c, func(m metrics) float64 { return m.rate })
	y += rateHeight + gap

	p = panel{w: w, time: time, top: y, height: rttHeight, value: axis{high: most(c, func(m metrics) float64 { return m.latest })}}
	p.frame("round trip, ms", "latest b", "smoothed a", "least c")
	p.line("b", c, func(m metrics) float64 { return m.latest })
	p.line("a", c, func(m metrics) float64 { return m.smoothed })
	p.line("c", c, func(m metrics) float64 { return m.least })
	p.times()
	fmt.Fprintln(w, "</svg>")
}

func highest(c *course) float64 {
	high := int64(1)
	for _, list := range [][]packet{c.sent, c.received} {
		for _, p := range list {
			high = max(high, p.number)
		}
	}
	return float64(high)
}

func most(c *course, value func(metrics) float64) float64 {
	high := 1.0
	for _, m := range c.metrics {
		high = math.Max(high, value(m))
	}
	return 1.05 * high
}

// An axis maps values to a share of its length.
type axis struct{ low, high float64 }

func (a axis) share(v float64) float64 { return (v - a.low) / (a.high - a.low) }

// ticks are about n round values on the axis.
func (a axis) ticks(n int) []float64 {
	step := math.Pow(10, math.Floor(math.Log10((a.high-a.low)/float64(n))))
	for _, by := range []float64{2, 2.5, 2} {
		if (a.high-a.low)/step <= float64(n) {
			break
		}
		step *= by
	}
	var all []float64
	for v := math.Ceil(a.low/step) * step; v <= a.high; v += step {
		all = append(all, v)
	}
	return all
}

// A panel is one part of the picture.
type panel struct {
	w           *bufio.Writer
	time, value axis
	top, height int
}

func (p *panel) x(at float64) float64 { return left + p.time.share(at)*(width-left-right) }
func (p *panel) y(v float64) float64 {
	return float64(p.top+p.height) - p.value.share(v)*float64(p.height)
}

// frame draws the axes and says what is what. Each of legend ends with the class of its
// sample.
func (p *panel) frame(unit string, legend ...string) {
	for _, v := range p.value.ticks(5) {
		fmt.Fprintf(p.w, "<path class=\"axis\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", left, p.y(v), width-right, left-6, p.y(v)+4, plain(v))
	}
	fmt.Fprintf(p.w, "<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", left, p.top, width-left-right, p.height)
	fmt.Fprintf(p.w, "<text x=\"%d\" y=\"%d\">%s</text>\n", left, p.top-6, unit)
	class := map[byte]string{'a': "line a", 'b': "line b", 'c': "line c", 'x': "lost", 't': "timeout"}
	x := left + 140
	for _, l := range legend {
		name, mark := l[:len(l)-2], l[len(l)-1]
		fmt.Fprintf(p.w, "<path class=\"%s\" d=\"M%d %dh18\"/><text x=\"%d\" y=\"%d\">%s</text>\n", class[mark], x, p.top-10, x+22, p.top-6, name)
		x += 22 + 7*len(name) + 16
	}
}

// times writes the time under the lowest part.
func (p *panel) times() {
	for _, v := range p.time.ticks(10) {
		fmt.Fprintf(p.w, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s ms</text>\n", p.x(v), p.top+p.height+16, plain(v))
	}
}

// dots draws packets. A pixel is drawn once, however many fall on it.
func (p *panel) dots(class string, list []packet) {
	fmt.Fprintf(p.w, "<path class=\"dot %s\" d=\"", class)
	p.each(list, func(x, y float64) { fmt.Fprintf(p.w, "M%.1f %.1fh.1", x, y) })
	fmt.Fprintln(p.w, "\"/>")
}

func (p *panel) crosses(list []packet) {
	fmt.Fprint(p.w, "<path class=\"lost\" d=\"")
	p.each(list, func(x, y float64) { fmt.Fprintf(p.w, "M%.1f %.1fl6 6m-6 0l6 -6", x-3, y-3) })
	fmt.Fprintln(p.w, "\"/>")
}

func (p *panel) each(list []packet, mark func(x, y float64)) {
	seen := make(map[[2]int]bool)
	for _, q := range list {
		x, y := p.x(q.at), p.y(float64(q.number))
		if at := [2]int{int(2 * x), int(2 * y)}; !seen[at] {
			seen[at] = true
			mark(x, y)
		}
	}
}

func (p *panel) uprights(times []float64) {
	for _, at := range times {
		fmt.Fprintf(p.w, "<path class=\"timeout\" d=\"M%.1f %dv%d\"/>\n", p.x(at), p.top, p.height)
	}
}

// line draws what a value was over time: it holds until the next one.
func (p *panel) line(class string, c *course, value func(metrics) float64) {
	fmt.Fprintf(p.w, "<path class=\"line %s\" d=\"", class)
	lastX, lastY := math.Inf(-1), math.Inf(-1)
	for _, m := range c.metrics {
		x, y := p.x(m.at), p.y(value(m))
		switch {
		case math.IsInf(lastX, -1):
			fmt.Fprintf(p.w, "M%.1f %.1f", x, y)
		case x-lastX < 0.5 && math.Abs(y-lastY) < 0.5:
			continue
		default:
			fmt.Fprintf(p.w, "H%.1fV%.1f", x, y)
		}
		lastX, lastY = x, y
	}
	fmt.Fprintln(p.w, "\"/>")
}

// plain writes a number with the letters of thousands.
func plain(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if math.Abs(v) >= unit.size {
			if unit.name == "k" {
				unit.size = 1e3
			}
			return strconv.FormatFloat(math.Round(v/unit.size*100)/100, 'f', -1, 64) + unit.name
		}
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}
