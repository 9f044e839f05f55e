package transport

import "time"

const (
	// maxPacketSize is the largest UDP payload over IPv4.
	maxPacketSize = 65507
	// usualPacketSize passes nearly everywhere: Ethernet's 1,500 less IPv6, UDP.
	usualPacketSize = 1452

	mtuTries      = 3  // probes of one size
	mtuExact      = 16 // the search ends when so close
	mtuResearch   = 10 * time.Minute
	mtuBursts     = 3                     // suspicious losses that make a black hole
	mtuBlackPTOs  = 3                     // probe timeouts with only large packets out
	mtuBlackLeast = 50 * time.Millisecond // and the silence that they must have taken: busy machines stop for a moment
	mtuSmallProbe = 2                     // from this probe timeout on probes are small
	mtuAckedSizes = 4
)

// A pmtud finds how large packets may be on a path (RFC 8899, transport.md 5.12).
// It sends probes, packets that are filled up to a size, and believes what is
// acknowledged. basePacket passes always, or the path is none.
//
//	base ──► what the interface allows ──► 1,452 ──► between what passed and what didn't
//
// Losses of probes say nothing about congestion. Ordinary losses say nothing about
// size: a path has become narrower only if large packets keep vanishing while no
// packet as large arrives any more.
type pmtud struct {
	size int // what is known to pass

	limit   int // the largest worth trying; what the interface and the peer allow
	tooLong int // the smallest size that didn't pass, above size
	probe   int // what is tried; 0 before the first
	tries   int
	flying  bool
	again   instant // when to search again; 0 while searching

	bursts [mtuBursts]lossBurst // suspicious, oldest first
	count  int
	acked  ackedSizes
}

// A lossBurst is a run of packet numbers that were all lost.
type lossBurst struct {
	last     int64
	smallest int // packet
}

// init begins on a new path. link is how large a packet the interface towards it
// takes, 0 if that is not known; peer is how large the peer accepts them.
func (m *pmtud) init(link, peer int) {
	if link == 0 {
		link = usualPacketSize
	}
	*m = pmtud{size: basePacket, limit: max(basePacket, min(link, peer, maxPacketSize))}
	m.search()
}

// search begins upwards from size.
func (m *pmtud) search() {
	m.again, m.tooLong, m.flying = 0, m.limit+1, false
	m.choose(m.limit)
}

// choose takes the next size to try, wish if it is between what passes and what
// doesn't, or ends the search.
func (m *pmtud) choose(wish int) {
	if wish <= m.size || wish >= m.tooLong {
		wish = (m.size + m.tooLong) / 2
	}
	m.probe, m.tries = wish, 0
}

// done reports whether there is nothing left to try.
func (m *pmtud) done() bool { return m.tooLong-m.size <= mtuExact || m.size >= m.limit }

// wanted is the size of a probe that should be sent now, 0 if none should. It is
// worth one only while there is more to send than a packet holds.
func (m *pmtud) wanted(now instant) int {
	if m.flying {
		return 0
	}
	if m.again.reached(now) && m.size < m.limit {
		m.search()
	}
	if m.again != 0 || m.done() {
		return 0
	}
	return m.probe
}

// sent says that the probe is on its way.
func (m *pmtud) sent() { m.flying = true }

// onAcked takes note that a packet arrived. It reports whether size has grown.
func (m *pmtud) onAcked(now instant, number int64, size int, probe bool) (grown bool) {
	if size > basePacket {
		m.acked.add(number, size)
	}
	if !probe {
		return false
	}
	if size == m.probe {
		m.flying = false
	}
	if size <= m.size {
		return false
	}
	m.size = size
	m.tooLong = max(m.tooLong, size+1) // it may only have been late
	if !m.flying {
		m.next(now)
	}
	return true
}

// next goes on after a size is known to pass or not.
func (m *pmtud) next(now instant) {
	if m.done() {
		m.again = now.add(mtuResearch)
		return
	}
	m.choose(usualPacketSize)
}

// onLost takes note of a lost packet. Packets come in the order of their numbers.
func (m *pmtud) onLost(now instant, number int64, size int, probe bool) {
	if probe {
		m.flying = false
		m.tries++
		if m.tries >= mtuTries && m.probe > m.size {
			m.tooLong = m.probe
			m.next(now)
		}
		return
	}
	if m.count > 0 {
		b := &m.bursts[m.count-1]
		if number <= b.last+1 {
			b.last, b.smallest = max(b.last, number), min(b.smallest, size)
			return
		}
	}
	m.clearBursts()
	if m.count == mtuBursts {
		copy(m.bursts[:], m.bursts[1:])
		m.count--
	}
	m.bursts[m.count] = lossBurst{number, size}
	m.count++
}

// clearBursts forgets losses that have nothing to do with size: something small was
// lost as well, or something as large has arrived since.
func (m *pmtud) clearBursts() {
	n := 0
	for _, b := range m.bursts[:m.count] {
		if b.smallest > basePacket && m.acked.since(b.last) < b.smallest {
			m.bursts[n] = b
			n++
		}
	}
	m.count = n
}

// endLosses looks at what a round of loss detection found. It reports whether the
// path has become narrower: size is basePacket again then.
func (m *pmtud) endLosses(now instant) (fallen bool) {
	if m.count < mtuBursts {
		return false
	}
	m.clearBursts()
	return m.count == mtuBursts && m.fall()
}

// onTimeout takes note of the count-th probe timeout in a row, after a silence. smallest is
// the smallest packet in flight. It reports what endLosses does.
func (m *pmtud) onTimeout(count, smallest int, silence time.Duration) (fallen bool) {
	return count >= mtuBlackPTOs && silence >= mtuBlackLeast && smallest > basePacket && m.fall()
}

// fall goes back to what passes always, and searches below what passed until now.
func (m *pmtud) fall() bool {
	if m.size == basePacket {
		return false
	}
	was := m.size
	m.size, m.count = basePacket, 0
	m.search()
	m.tooLong = was + 1
	m.choose(usualPacketSize)
	return true
}

// ackedSizes remembers how large packets were that arrived: pairs of number and
// size, of which the older are the larger. Others are no news.
type ackedSizes struct {
	pairs [mtuAckedSizes]ackedSize // falling in number, rising in size
	n     int
}

type ackedSize struct {
	number int64
	size   int
}

func (a *ackedSizes) add(number int64, size int) {
	var b ackedSizes
	placed := false
	for _, p := range a.pairs[:a.n] {
		if p.number > number {
			if p.size >= size {
				return
			}
			b.put(p)
			continue
		}
		if !placed {
			b.put(ackedSize{number, size})
			placed = true
		}
		if p.size > size {
			b.put(p)
		}
	}
	if !placed {
		b.put(ackedSize{number, size})
	}
	*a = b
}

// put appends a pair while there is room: the oldest are the ones to go.
func (a *ackedSizes) put(p ackedSize) {
	if a.n < len(a.pairs) {
		a.pairs[a.n] = p
		a.n++
	}
}

// since is the size of the largest packet known to have arrived of those sent
// after number; 0 if there is none.
func (a *ackedSizes) since(number int64) int {
	largest := 0
	for _, p := range a.pairs[:a.n] {
		if p.number <= number {
			break
		}
		largest = p.size
	}
	return largest
}
