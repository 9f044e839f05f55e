package puzzle

import (
	"hash/maphash"
	"math"
	"math/bits"
	"net/netip"
	"sync"
	"time"
)

// A pressure counts events of many subjects, forgetting half of them in each half
// life. It has a fixed size: each subject is counted in one cell of each row, and
// counts as the smallest of its cells. So strangers can push nobody out, and only by
// bad luck in both rows does somebody pay for another.
type pressure struct {
	halfLife time.Duration

	mu    sync.Mutex
	seeds [pressureRows]maphash.Seed
	rows  [pressureRows][]score
}

const pressureRows = 2

type score struct {
	value float64
	at    int64 // Unix time in ns
}

// newPressure counts in so many cells. Who wants everybody to have some count has to keep up
// that many events in each cell.
func newPressure(halfLife time.Duration, cells int) *pressure {
	p := &pressure{halfLife: halfLife}
	for i := range p.seeds {
		p.seeds[i], p.rows[i] = maphash.MakeSeed(), make([]score, cells)
	}
	return p
}

// add counts events of a subject, or takes them back.
func (p *pressure) add(now time.Time, subject string, events float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.rows {
		c := p.cell(i, subject)
		*c = score{max(0, p.decayed(*c, now)+events), now.UnixNano()}
	}
}

// count returns how many events a subject has by now.
func (p *pressure) count(now time.Time, subject string) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	least := math.Inf(1)
	for i := range p.rows {
		c := p.cell(i, subject)
		// What was counted while the clock was ahead is forgotten from now on, and not
		// only once it has got there again.
		c.at = min(c.at, now.UnixNano())
		least = min(least, p.decayed(*c, now))
	}
	return least
}

func (p *pressure) cell(row int, subject string) *score {
	cells := p.rows[row]
	return &cells[maphash.String(p.seeds[row], subject)%uint64(len(cells))]
}

// decayed is a score as of now. A clock that went back forgets nothing.
func (p *pressure) decayed(s score, now time.Time) float64 {
	elapsed := max(0, now.UnixNano()-s.at)
	if s.value == 0 {
		return 0
	}
	return s.value * math.Exp2(-float64(elapsed)/float64(p.halfLife))
}

// A scale says how pressure becomes work: none below first, then doubled each time
// that the pressure doubles.
type scale struct{ first float64 }

// maxDoublings bounds what anybody is asked for: 64 times the usual.
const maxDoublings = 6

func (s scale) doublings(count float64) int {
	if count < s.first {
		return 0
	}
	return min(maxDoublings, bits.Len64(uint64(count/s.first)))
}

// network is the part of an address that one customer has: /24 or /56.
func network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	size := 56
	if a.Is4() {
		size = 24
	}
	prefix, err := a.Prefix(size)
	if err != nil || !a.IsValid() {
		return "" // no address: such senders are one network
	}
	return prefix.String()
}
