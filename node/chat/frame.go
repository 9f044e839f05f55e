package chat

import (
	"errors"
	"fmt"
	"io"

	"sotto/wire"
	"sotto/wire/codec"
)

// Sizes of frame bodies in bytes, for NewReader. Each side states the largest
// item that the spec lets the other one send there, so that nobody can make it
// hold more.
const (
	MaxRequest  = wire.EnvelopeMax + 256 // a Request: a SendRequest is the largest
	MaxReply    = wire.FrameMax          // a Reply: a ListReply of all users is the largest
	MaxPush     = wire.FrameMax          // M6 or a Push: both may hold a manifest
	MaxSignal   = 1024                   // a Signal
	MaxPeerItem = wire.EnvelopeMax + 256 // a PeerItem
)

// headerSize is the size of a wire.FrameHeader.
const headerSize = 3

// growth bounds what a Reader allocates ahead of the bytes that came, so that
// a length alone costs the peer nothing and us nothing.
const growth = 64 << 10

// ErrFrameTooBig says that a frame has more bytes than the reader or the
// format allows.
var ErrFrameTooBig = errors.New("frame too big")

// An Item is a generated struct that travels in a frame.
type Item interface {
	Size() int
	AppendBinary(b []byte) ([]byte, error)
	UnmarshalBinary(b []byte) error
}

// A Reader reads frames from a stream. Use one goroutine at a time.
type Reader struct {
	r     io.Reader
	max   int
	admit func(size int) error // see ReadRequest
	buf   []byte               // the body of the latest frame
}

// NewReader returns a Reader of frames of at most max bytes from r.
func NewReader(r io.Reader, max int) *Reader {
	return &Reader{r: r, max: max}
}

// Frame returns the body of the next frame; it holds until the next call. At
// the end of the stream the error is io.EOF between frames and
// io.ErrUnexpectedEOF inside one.
func (r *Reader) Frame() ([]byte, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return nil, err
	}
	var h wire.FrameHeader
	if err := h.UnmarshalBinary(head[:]); err != nil {
		return nil, err
	}
	n := int(h.Length)
	if n > r.max {
		return nil, fmt.Errorf("chat: %w: %d bytes, at most %d are allowed here", ErrFrameTooBig, n, r.max)
	}
	if r.admit != nil {
		if err := r.admit(n); err != nil {
			return nil, err
		}
	}
	r.buf = r.buf[:0]
	for len(r.buf) < n {
		start, step := len(r.buf), min(n-len(r.buf), growth)
		r.buf = append(r.buf, make([]byte, step)...)
		if _, err := io.ReadFull(r.r, r.buf[start:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return r.buf, nil
}

// Item reads the next frame into it. The item holds no memory of the Reader.
func (r *Reader) Item(it Item) error {
	body, err := r.Frame()
	if err != nil {
		return err
	}
	return it.UnmarshalBinary(body)
}

// end checks that the peer has closed its half.
func (r *Reader) end() error {
	var one [1]byte
	if n, err := io.ReadFull(r.r, one[:]); n > 0 {
		return &codec.Error{Message: "FrameHeader", Err: codec.ErrTrailing}
	} else if err != io.EOF {
		return err
	}
	return nil
}

// A Writer writes frames to a stream. Use one goroutine at a time.
type Writer struct {
	w   io.Writer
	buf []byte
}

// NewWriter returns a Writer of frames to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Item writes it as one frame with one call of Write.
func (w *Writer) Item(it Item) error {
	return w.frame(it.Size(), it.AppendBinary)
}

// Frame writes body as one frame. It serves M6, which the login seals and
// chat only carries.
func (w *Writer) Frame(body []byte) error {
	return w.frame(len(body), func(b []byte) ([]byte, error) { return append(b, body...), nil })
}

// frame writes one frame of size bytes, which body appends.
func (w *Writer) frame(size int, body func(b []byte) ([]byte, error)) error {
	if size > wire.FrameMax {
		return fmt.Errorf("chat: %w: %d bytes, a frame holds %d", ErrFrameTooBig, size, wire.FrameMax)
	}
	h := wire.FrameHeader{Length: uint32(size)}
	b, err := h.AppendBinary(w.buf[:0])
	if err == nil {
		b, err = body(b)
	}
	if err != nil {
		return err
	}
	_, err = w.w.Write(b)
	if w.buf = b; cap(b) > growth {
		w.buf = nil // keep no large buffer for the sake of one large item
	}
	return err
}
