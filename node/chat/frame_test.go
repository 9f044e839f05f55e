package chat

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"runtime"
	"testing"
	"testing/iotest"

	"sotto/wire"
	"sotto/wire/codec"
)

func sendRequest(size int) *wire.Request {
	return &wire.Request{Type: wire.RequestTypeSend, Send: wire.SendRequest{
		To: "Alice", Id: wire.MessageId{1}, Envelope: bytes.Repeat([]byte{7}, size),
	}}
}

// framed returns items as they stand in a stream.
func framed(t *testing.T, items ...Item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, it := range items {
		if err := w.Item(it); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestFramesKeepItemsApart(t *testing.T) {
	in := []*wire.Request{sendRequest(1), {Type: wire.RequestTypeList}, sendRequest(wire.EnvelopeMax), sendRequest(3)}
	b := framed(t, in[0], in[1], in[2], in[3])
	for name, stream := range map[string]io.Reader{
		"at once":      bytes.NewReader(b),
		"in pieces":    iotest.HalfReader(bytes.NewReader(b)),
		"EOF with end": iotest.DataErrReader(bytes.NewReader(b)),
	} {
		r := NewReader(stream, MaxRequest)
		for i, want := range in {
			got := new(wire.Request)
			if err := r.Item(got); err != nil {
				t.Fatalf("%s: item %d: %v", name, i, err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: item %d is %v, want %v", name, i, got, want)
			}
		}
		if err := r.Item(new(wire.Request)); err != io.EOF {
			t.Errorf("%s: after the last item: %v, want io.EOF", name, err)
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	good := framed(t, sendRequest(10))
	tests := []struct {
		name  string
		bytes []byte
		want  error
	}{
		{"nothing", nil, io.EOF},
		{"half a header", good[:2], io.ErrUnexpectedEOF},
		{"a header alone", good[:3], io.ErrUnexpectedEOF},
		{"half a body", good[:10], io.ErrUnexpectedEOF},
		{"an empty frame", []byte{0, 0, 0}, codec.ErrShort},
		{"the longest length", []byte{0xff, 0xff, 0xff}, ErrFrameTooBig},
		{"one byte too long", []byte{0, 0, 101}, ErrFrameTooBig},
		{"a byte behind the item", append([]byte{0, 0, 2, 1, 0}, good...), codec.ErrTrailing},
		{"a frame behind the request", append(good, 0, 0, 0), codec.ErrTrailing},
	}
	for _, tt := range tests {
		r := NewReader(bytes.NewReader(tt.bytes), 100)
		err := r.Item(new(wire.Request))
		if err == nil {
			err = r.end()
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// Attack 2: "every message truncated at every byte", here a request in its
// stream, and its frame with a length that fits.
func TestAttack02TruncatedRequests(t *testing.T) {
	requests := []*wire.Request{
		{Type: wire.RequestTypeLocate, Locate: wire.LocateRequest{Name: "Alice"}}, sendRequest(20),
	}
	for _, req := range requests {
		whole := framed(t, req)
		for n := range whole {
			if _, err := ReadRequest(bytes.NewReader(whole[:n]), nil); err == nil {
				t.Errorf("%v: a stream of %d bytes is a request", req.Type, n)
			}
			if n < headerSize {
				continue
			}
			cut := append([]byte{0, 0, byte(n - headerSize)}, whole[headerSize:n]...)
			var bad *codec.Error
			if _, err := ReadRequest(bytes.NewReader(cut), nil); !errors.As(err, &bad) {
				t.Errorf("%v: a frame of %d bytes: %v, want a *codec.Error", req.Type, n-headerSize, err)
			}
		}
	}
}

// A length alone allocates nothing: growth ahead of the bytes is bounded.
func TestLengthAloneTakesNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		r := NewReader(bytes.NewReader([]byte{0x10, 0, 0}), MaxRequest)
		r.Item(new(wire.Request))
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / 100; got > 3*growth {
		t.Errorf("%d bytes for a frame that never came, at most %d are fine", got, 3*growth)
	}
}

func TestAdmitComesBeforeTheBytes(t *testing.T) {
	b := framed(t, sendRequest(100))
	stop := errors.New("stop")
	var size int
	stream := io.MultiReader(bytes.NewReader(b[:headerSize]), iotest.ErrReader(stop))
	if _, err := ReadRequest(stream, func(n int) error { size = n; return nil }); !errors.Is(err, stop) {
		t.Errorf("error %v, want that of the stream", err)
	}
	if want := len(b) - headerSize; size != want {
		t.Errorf("admitted %d bytes, want %d", size, want)
	}
}

func TestWriterRefusesWhatNobodyReads(t *testing.T) {
	var b bytes.Buffer
	if err := NewWriter(&b).Frame(make([]byte, wire.FrameMax+1)); !errors.Is(err, ErrFrameTooBig) {
		t.Errorf("error %v, want %v", err, ErrFrameTooBig)
	}
	if b.Len() > 0 {
		t.Errorf("%d bytes were written", b.Len())
	}
}

func TestNetAddressIsOneForm(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:5000":          "127.0.0.1:5000",
		"[::ffff:192.0.2.1]:4242": "192.0.2.1:4242",
		"[2001:db8::1]:1":         "[2001:db8::1]:1",
	} {
		w := NetAddress(netip.MustParseAddrPort(in))
		b, err := w.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var back wire.NetAddress
		if err := back.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if got := AddrPort(&back).String(); got != want {
			t.Errorf("%s came back as %s, want %s", in, got, want)
		}
	}
}
