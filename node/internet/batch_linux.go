package internet

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	// maxBatch is how many messages one system call moves at most.
	maxBatch = 64
	// maxRun is the most datagrams that every kernel since 4.18 cuts out of one
	// message (UDP_MAX_SEGMENTS; newer ones take 128).
	maxRun = 64
	// maxRunBytes is the largest message: an IPv4 packet less its headers.
	maxRunBytes = 65507
)

// batched moves many datagrams per system call: recvmmsg and sendmmsg, with runs
// cut by the kernel on sending (UDP_SEGMENT) and merged on receiving (UDP_GRO).
// The cost of a datagram is the way through the kernel and not the call, so it is
// the runs that count (transport.md section 4).
//
// All that the calls need is laid out once; nothing is allocated per datagram.
type batched struct {
	sock  *descriptor
	local netip.AddrPort
	got   Features
	zones zones

	read readBatch

	writing   sync.Mutex // guards write and singles
	write     *writeBatch
	singles   *writeBatch // for runs that the kernel refused; nil until then
	refused   atomic.Uint64
	runs      atomic.Bool // runs may be handed to the kernel as one message
	unevenEnd bool        // see brokenEqualTails
}

// newBatched returns nil if sock is not a UDP socket of this machine.
func newBatched(sock net.PacketConn) PacketIO {
	u, ok := sock.(*net.UDPConn)
	if !ok {
		return nil
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nil
	}
	var family int
	var got Features
	if err := raw.Control(func(fd uintptr) { family, got = prepare(int(fd)) }); err != nil {
		return nil
	}
	d, err := newDescriptor(u, maySpareThread())
	if err != nil {
		return nil
	}
	return makeBatched(d, unmap(addrPort(u.LocalAddr())), family, got)
}

// makeBatched is the batched of a socket that is set up.
func makeBatched(d *descriptor, local netip.AddrPort, family int, got Features) *batched {
	b := &batched{sock: d, local: local, got: got}
	b.runs.Store(got.SendRuns)
	b.unevenEnd = brokenEqualTails(kernelRelease())
	b.read.init(d, &b.zones)
	b.write = newWriteBatch(d, family, &b.zones)
	return b
}

func (b *batched) ReadBatch(in []In) (int, error) { return b.read.fill(in) }
func (b *batched) LocalAddr() netip.AddrPort      { return b.local }
func (b *batched) Close() error                   { return b.sock.close() }

func (b *batched) features() Features {
	f := b.got
	f.SendRuns = b.runs.Load()
	return f
}

func (b *batched) drops() Drops {
	d := Drops{Refused: b.refused.Load()}
	b.sock.raw.Control(func(fd uintptr) { d.Overflow = overflow(fd) })
	return d
}

func (b *batched) WriteBatch(out []Out) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	for i := range out {
		if err := b.add(&out[i]); err != nil {
			return err
		}
	}
	return b.flush()
}

// add puts an Out into the batch, as few messages as may be.
func (b *batched) add(o *Out) error {
	seg := o.Seg
	if seg <= 0 || seg > len(o.Buf) {
		seg = len(o.Buf)
	}
	for rest := o.Buf; len(rest) > 0; {
		n := min(seg, len(rest))
		if b.runs.Load() && len(rest) > seg {
			n = b.runLength(rest, seg)
		}
		if b.write.full() {
			if err := b.flush(); err != nil {
				return err
			}
		}
		b.write.add(Out{Buf: rest[:n], Seg: seg, To: o.To, Mark: o.Mark}, b.unevenEnd)
		rest = rest[n:]
	}
	return nil
}

// runLength is how much of a run goes into one message.
func (b *batched) runLength(run []byte, seg int) int {
	limit := max(1, min(maxRun, maxRunBytes/seg))
	if !b.unevenEnd {
		return min(len(run), limit*seg)
	}
	// One place is kept for the odd one at the end.
	limit = max(1, min(maxRun-1, (maxRunBytes-oddTail)/seg))
	n := min(len(run), limit*seg)
	if n%seg == 0 && (n/seg < minOddRun || seg <= oddTail) {
		return seg
	}
	return n
}

// flush sends what was added.
func (b *batched) flush() error {
	w := b.write
	defer w.clear()
	for {
		if err := w.send(); err != nil {
			return err
		}
		if w.at == w.n {
			b.refused.Add(uint64(w.lost))
			return nil
		}
		if err := b.sendSingly(); err != nil {
			return err
		}
	}
}

// sendSingly sends the next message without runs, because the kernel refused it: not
// every driver that says it can cut does so (quinn #2399, quic-go #4394). Runs are
// not tried again on this socket, unless the datagrams are refused by themselves as
// well: then the run was not to blame, but the address or the length.
func (b *batched) sendSingly() error {
	if b.singles == nil {
		b.singles = newWriteBatch(b.sock, b.write.family, &b.zones)
	}
	s := b.singles
	defer s.clear()
	m := &b.write.outs[b.write.at]
	b.write.at++
	for rest := m.Buf; len(rest) > 0; {
		n := min(m.Seg, len(rest))
		s.add(Out{Buf: rest[:n], Seg: n, To: m.To, Mark: m.Mark}, false)
		rest = rest[n:]
	}
	if err := s.send(); err != nil {
		return err
	}
	b.refused.Add(uint64(s.lost))
	if s.lost < s.n {
		b.runs.Store(false)
	}
	return nil
}

// A readBatch is what recvmmsg needs for maxBatch messages.
type readBatch struct {
	sock  *descriptor
	zones *zones
	step  func(fd uintptr) bool // recv, made once
	flags int                   // of recvmmsg

	headers  [maxBatch]unix.Mmsghdr
	iovs     [maxBatch]unix.Iovec
	names    [maxBatch]unix.RawSockaddrInet6 // has room for IPv4's as well
	controls [maxBatch]control

	want, n int
	err     error
}

func (r *readBatch) init(d *descriptor, z *zones) {
	r.sock, r.zones, r.step, r.flags = d, z, r.recv, unix.MSG_DONTWAIT
	if d.waits {
		r.flags = unix.MSG_WAITFORONE
	}
	for i := range r.headers {
		h := &r.headers[i].Hdr
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Name = bytesOf(&r.names[i])
		h.Control = &r.controls[i].raw[0]
	}
}

func (r *readBatch) fill(in []In) (int, error) {
	r.want = min(len(in), maxBatch)
	for i := range in[:r.want] {
		r.iovs[i].Base = &in[i].Buf[0]
		r.iovs[i].SetLen(len(in[i].Buf))
		h := &r.headers[i].Hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(controlRoom)
	}
	r.n, r.err = 0, nil
	err := r.sock.read(r.step)
	for i := range r.iovs[:r.want] {
		r.iovs[i].Base = nil // the buffers are the caller's again
	}
	if err == nil {
		err = r.err
	}
	if err != nil {
		return 0, err
	}
	for i := range in[:r.n] {
		in[i].N = int(r.headers[i].Len)
		in[i].Seg = in[i].N
		seg, mark := r.controls[i].received(&r.headers[i].Hdr)
		if seg > 0 {
			in[i].Seg = min(seg, in[i].N)
		}
		in[i].Mark = mark
		in[i].From = decodeAddress(&r.names[i], r.zones)
	}
	return r.n, nil
}

// recv reports whether it is done; otherwise the runtime calls again when the
// socket has something.
func (r *readBatch) recv(fd uintptr) bool {
	for {
		n, errno := recvmmsg(fd, r.headers[:r.want], r.flags)
		switch {
		case errno == 0:
			r.n = n
			return true
		case errno == unix.EAGAIN:
			return false
		case errno == unix.EINTR || transient(errno):
		default:
			r.err = os.NewSyscallError("recvmmsg", errno)
			return true
		}
	}
}

// A writeBatch is what sendmmsg needs for maxBatch messages.
type writeBatch struct {
	sock   *descriptor
	family int
	zones  *zones
	step   func(fd uintptr) bool // transmit, made once

	headers  [maxBatch]unix.Mmsghdr
	iovs     [maxBatch][2]unix.Iovec // the second for an odd tail
	names    [maxBatch]unix.RawSockaddrInet6
	controls [maxBatch]control
	outs     [maxBatch]Out

	n, at, lost int // messages added, done, and refused by the kernel
}

func newWriteBatch(d *descriptor, family int, z *zones) *writeBatch {
	w := &writeBatch{sock: d, family: family, zones: z}
	w.step = w.transmit
	for i := range w.headers {
		h := &w.headers[i].Hdr
		h.Name = bytesOf(&w.names[i])
		h.Iov = &w.iovs[i][0]
	}
	return w
}

func (w *writeBatch) full() bool { return w.n == maxBatch }

// add lays out a message. Datagrams to addresses that the socket can't reach are
// lost here.
func (w *writeBatch) add(o Out, unevenEnd bool) {
	i := w.n
	h := &w.headers[i].Hdr
	h.Namelen = encodeAddress(&w.names[i], w.family, o.To, w.zones)
	if h.Namelen == 0 {
		return
	}
	w.outs[i] = o
	b, c := o.Buf, &w.controls[i]
	c.clear()
	w.iovs[i][0].Base = &b[0]
	w.iovs[i][0].SetLen(len(b))
	h.SetIovlen(1)
	if o.Mark != Unmarked {
		c.mark(o.Mark, w.family == unix.AF_INET || o.To.Addr().Unmap().Is4())
	}
	if len(b) > o.Seg {
		c.cut(o.Seg)
		if unevenEnd && len(b)%o.Seg == 0 {
			w.iovs[i][1].Base = &oddTailBytes[0]
			w.iovs[i][1].SetLen(oddTail)
			h.SetIovlen(2)
		}
	}
	h.Control = nil
	if c.n > 0 {
		h.Control = &c.raw[0]
	}
	h.SetControllen(c.n)
	w.n++
}

// clear forgets the messages: their buffers belong to the caller again.
func (w *writeBatch) clear() {
	for i := range w.n {
		w.outs[i].Buf = nil
		w.iovs[i][0].Base = nil
	}
	w.n, w.at, w.lost = 0, 0, 0
}

// send sends until all is done or, with at below n, until a run was refused. The
// error is that of a closed socket.
func (w *writeBatch) send() error { return w.sock.write(w.step) }

func (w *writeBatch) transmit(fd uintptr) bool {
	for w.at < w.n {
		n, errno := sendmmsg(fd, w.headers[w.at:w.n])
		switch {
		case errno == 0:
			w.at += n
		case errno == unix.EAGAIN:
			if !w.sock.full(fd) {
				return false
			}
		case errno == unix.EINTR:
		case (errno == unix.EIO || errno == unix.EINVAL) && len(w.outs[w.at].Buf) > w.outs[w.at].Seg:
			return true
		default:
			// Nobody is there, or not this way, or not so long: lost, as datagrams may be.
			w.at++
			w.lost++
		}
	}
	return true
}
