package internet

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
)

// BufferSize is how large the buffer of an In must be: the largest datagram, or
// the largest run of datagrams that a kernel merges into one.
const BufferSize = 1 << 16

// An In is a place for one datagram, or for a run of equally long ones from one
// sender that came in together.
type In struct {
	Buf  []byte         // room of BufferSize, owned by the caller
	N    int            // bytes received
	Seg  int            // length of each datagram in Buf[:N]; the last may be shorter
	From netip.AddrPort // IPv4 addresses in their 4-byte form
	Mark Mark           // of all of them
}

// An Out is a run of equally long datagrams to one receiver.
type Out struct {
	Buf []byte
	Seg int // length of each datagram in Buf; the last may be shorter. 0: Buf is one datagram
	To  netip.AddrPort

	Mark Mark
}

// A PacketIO moves datagrams. WriteBatch may be called from several goroutines,
// ReadBatch from one.
type PacketIO interface {
	// ReadBatch waits until there is a datagram and returns how many Ins it filled.
	ReadBatch([]In) (int, error)
	// WriteBatch sends all Outs. Datagrams that the kernel refuses are lost, as
	// datagrams may be; the error is that of a closed socket.
	WriteBatch([]Out) error
	LocalAddr() netip.AddrPort
	Close() error
}

// NewPacketIO returns the fastest PacketIO there is for a socket. It owns the
// socket from now on, and may go on with another descriptor of the same.
func NewPacketIO(sock net.PacketConn) PacketIO {
	if b := newBatched(sock); b != nil {
		return b
	}
	return newPlain(sock)
}

// An addrPortConn is what *net.UDPConn and the simulated network offer: reading
// and writing without an allocation for the address.
type addrPortConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// A markedConn is what the simulated network offers: datagrams with the mark of their
// headers.
type markedConn interface {
	ReadFromMarked(b []byte) (n int, from netip.AddrPort, mark byte, err error)
	WriteToMarked(b []byte, to netip.AddrPort, mark byte) (int, error)
}

// plain moves one datagram at a time: for sockets that are none of the kernel's,
// and machines without batches.
type plain struct {
	sock net.PacketConn
	lost atomic.Uint64 // datagrams that the socket refused
	fast addrPortConn  // the same socket, or nil
	mark markedConn    // the same socket, or nil
}

func newPlain(sock net.PacketConn) *plain {
	p := &plain{sock: sock}
	p.fast, _ = sock.(addrPortConn)
	p.mark, _ = sock.(markedConn)
	return p
}

func (p *plain) ReadBatch(in []In) (int, error) {
	m := &in[0]
	for {
		err := p.read(m)
		if err == nil {
			m.From = unmap(m.From)
			m.Seg = m.N
			return 1, nil
		}
		if !transient(err) {
			return 0, err
		}
	}
}

func (p *plain) read(m *In) (err error) {
	if p.mark != nil {
		var mark byte
		m.N, m.From, mark, err = p.mark.ReadFromMarked(m.Buf)
		m.Mark = Mark(mark & markMask)
		return err
	}
	if p.fast != nil {
		m.N, m.From, err = p.fast.ReadFromUDPAddrPort(m.Buf)
		return err
	}
	var from net.Addr
	m.N, from, err = p.sock.ReadFrom(m.Buf)
	m.From = addrPort(from)
	return err
}

func (p *plain) WriteBatch(out []Out) error {
	for i := range out {
		o := &out[i]
		for b := o.Buf; len(b) > 0; {
			n := len(b)
			if o.Seg > 0 {
				n = min(n, o.Seg)
			}
			if err := p.write(b[:n], o); errors.Is(err, net.ErrClosed) {
				return err
			} else if err != nil {
				p.lost.Add(1)
			}
			b = b[n:]
		}
	}
	return nil
}

// features: a socket that isn't the kernel's is a simulation, where nothing is cut.
func (p *plain) features() Features {
	_, kernel := p.sock.(*net.UDPConn)
	return Features{Kernel: kernel, Whole: !kernel, Marks: p.mark != nil}
}

func (p *plain) drops() Drops { return Drops{Refused: p.lost.Load()} }

func (p *plain) write(b []byte, o *Out) error {
	var err error
	to := o.To
	if p.mark != nil {
		_, err = p.mark.WriteToMarked(b, to, byte(o.Mark))
	} else if p.fast != nil {
		_, err = p.fast.WriteToUDPAddrPort(b, to)
	} else {
		_, err = p.sock.WriteTo(b, net.UDPAddrFromAddrPort(to))
	}
	return err
}

func (p *plain) LocalAddr() netip.AddrPort { return unmap(addrPort(p.sock.LocalAddr())) }
func (p *plain) Close() error              { return p.sock.Close() }

// unmap gives IPv4 addresses one form, however the socket reports them.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		return u.AddrPort()
	}
	if a == nil {
		return netip.AddrPort{}
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return ap
}
