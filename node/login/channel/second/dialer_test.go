package second

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// A link carries datagrams to the server and back.
type link interface {
	send(datagram []byte) error
	// receive gives the next datagram, or nil when there was none for a while.
	receive() ([]byte, error)
}

// A while lasts patience. After so many without a datagram a dial or a session is over.
const (
	patience = 100 * time.Millisecond
	silences = 600
)

var errSilence = errors.New("the server doesn't answer")

// pieceLen is how much of a message goes into one packet, so that none is
// longer than HELLO_MIN, whatever its token.
const pieceLen = helloMin - headLen - 9 - 255 - tagLen - 8

// A dialer carries the messages of a handshake.
type dialer struct {
	link
	local, peer cid
	number      uint64 // of the next packet
	token       []byte
}

func newDialer(l link) *dialer {
	d := &dialer{link: l}
	copy(d.local[:], random(8))
	return d
}

// hash is conn, for the initiator, once it knows the responder's ID.
func (d *dialer) hash(message0 []byte) []byte {
	first := sha256.Sum256(message0)
	h := sha256.Sum256(cat(label("conn"), d.local[:], d.peer[:], first[:]))
	return h[:]
}

// post sends a message of the handshake.
func (d *dialer) post(kind, step byte, message []byte) error {
	for offset := 0; offset < len(message); offset += pieceLen {
		k := kex{step, len(message), offset, message[offset:min(offset+pieceLen, len(message))]}
		p := packet{kind: kind, destination: d.peer, number: uint32(d.number), source: d.local, payload: k.encode()}
		if kind == kindHello {
			p.token = d.token
		}
		d.number++
		if err := d.send(p.seal()); err != nil {
			return err
		}
	}
	return nil
}

// first sends the message of a first HELLO and gives that of its RETRY.
func (d *dialer) first(message []byte) ([]byte, error) {
	return d.exchange(kindHello, 0, message, kindRetry)
}

// exchange sends a message until the next one has come.
func (d *dialer) exchange(kind, step byte, message []byte, answer byte) ([]byte, error) {
	var whole assembly
	for quiet := 0; quiet < silences; quiet++ {
		if err := d.post(kind, step, message); err != nil {
			return nil, err
		}
		if got, err := d.collect(&whole, step+1, answer); got != nil || err != nil {
			return got, err
		}
	}
	return nil, errSilence
}

// await collects a message of which the first packet is here.
func (d *dialer) await(step, kind byte, first *packet) ([]byte, error) {
	var whole assembly
	if got := whole.add(first.payload, step); got != nil {
		return got, nil
	}
	for quiet := 0; quiet < silences; quiet++ {
		if got, err := d.collect(&whole, step, kind); got != nil || err != nil {
			return got, err
		}
	}
	return nil, errSilence
}

// collect takes packets until a message is whole, or none comes for a while.
func (d *dialer) collect(whole *assembly, step, kind byte) ([]byte, error) {
	for {
		datagram, err := d.receive()
		if err != nil || datagram == nil {
			return nil, err
		}
		p, err := openPacket(datagram)
		if err != nil || p.destination != d.local || p.kind != kind {
			continue
		}
		if kind == kindRetry {
			d.peer, d.token = p.source, p.token
		} else if d.peer == (cid{}) {
			d.peer = p.source
		} else if p.source != d.peer {
			continue
		}
		if got := whole.add(p.payload, step); got != nil {
			return got, nil
		}
	}
}

// An assembly puts a message together.
type assembly struct {
	bytes []byte
	have  []bool
}

// add takes the pieces of a handshake packet, and gives the message once it is whole.
func (a *assembly) add(payload []byte, step byte) []byte {
	s := cryptobyte.String(payload)
	for !s.Empty() && s[0] == segKex {
		s.Skip(1)
		k, ok := decodeKex(&s)
		if !ok || k.step != step || a.bytes != nil && k.total != len(a.bytes) {
			return nil
		}
		if a.bytes == nil {
			a.bytes, a.have = make([]byte, k.total), make([]bool, k.total)
		}
		copy(a.bytes[k.offset:], k.bytes)
		for i := range k.bytes {
			a.have[k.offset+i] = true
		}
	}
	if len(bytes.Trim(s, "\x00")) > 0 || a.bytes == nil {
		return nil
	}
	for _, h := range a.have {
		if !h {
			return nil
		}
	}
	return a.bytes
}
