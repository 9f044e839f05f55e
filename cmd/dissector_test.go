package cmd_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sotto/gen"
	"sotto/gen/backend/dissector"
	"sotto/gen/diag"
	"sotto/gen/interp"
	"sotto/gen/types"
	"sotto/node/session"
	"sotto/node/transport"
	"sotto/wire"
)

// TestDissector records a conversation between two endpoints and lets tshark show it with wire/dissector.lua: every field of
// every packet, and of every segment in it, sealed ones too, is what the interpreter says.
func TestDissector(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("no tshark here")
	}
	rec := &recorder{}
	client, server := converse(t, rec)
	packets := rec.taken()
	structs := specStructs(t)
	ids := connIds(t, packets)
	keysOf, err := session.New(&session.Secrets{Send: client, Receive: server})
	if err != nil {
		t.Fatal(err)
	}
	keysOfPeer, err := session.New(&session.Secrets{Send: server, Receive: client})
	if err != nil {
		t.Fatal(err)
	}
	var want [][]dissector.Shown
	kinds := map[wire.PacketType]int{}
	for _, p := range packets {
		keys := keysOf
		if p.toServer {
			keys = keysOfPeer
		}
		kind, tree := showPacket(t, structs, p.bytes, keys)
		kinds[kind]++
		want = append(want, tree)
	}
	for _, kind := range []wire.PacketType{wire.PacketTypeHello, wire.PacketTypeRetry, wire.PacketTypeAccept, wire.PacketTypeData} {
		if kinds[kind] == 0 {
			t.Errorf("no %v packet in the conversation", kind)
		}
	}

	dir := t.TempDir()
	capture, secrets := filepath.Join(dir, "talk.pcap"), filepath.Join(dir, "keys")
	if err := os.WriteFile(capture, pcapOf(packets), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := fmt.Sprintf("SECRET %016x %x\nSECRET %016x %x\n", ids[true], client, ids[false], server)
	if err := os.WriteFile(secrets, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tshark, "-X", "lua_script:../wire/dissector.lua", "-o", "sotto.ports:7000:Packet", "-o", "sotto.keys:"+secrets, "-r", capture, "-T", "pdml")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || strings.Contains(stderr.String(), "Lua") {
		t.Fatalf("tshark: %v\n%s", err, stderr.Bytes())
	}
	got := fieldsOf(t, out)
	if len(got) != len(want) {
		t.Fatalf("tshark shows %d packets, want %d", len(got), len(want))
	}
	for i := range want {
		if g, w := fmt.Sprint(got[i]), fmt.Sprint(want[i]); g != w {
			t.Fatalf("packet %d %x:\ngot  %s\nwant %s", i, packets[i].bytes, g, w)
		}
	}
	t.Logf("%d packets: %v", len(packets), kinds)
}

// A recorder keeps the datagrams of both directions.
type recorder struct {
	mu      sync.Mutex
	packets []recorded
}

type recorded struct {
	toServer bool
	bytes    []byte
}

func (r *recorder) taken() []recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.packets
}

// A recordedConn records what is written to it.
type recordedConn struct {
	net.PacketConn
	rec      *recorder
	toServer bool
}

func (c *recordedConn) WriteTo(b []byte, to net.Addr) (int, error) {
	c.rec.mu.Lock()
	c.rec.packets = append(c.rec.packets, recorded{c.toServer, bytes.Clone(b)})
	c.rec.mu.Unlock()
	return c.PacketConn.WriteTo(b, to)
}

// converse lets a client and a server talk over loopback and returns the secrets of both directions.
func converse(t *testing.T, rec *recorder) (client, server [32]byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	listen := func(toServer bool, r transport.Responder) *transport.Endpoint {
		sock, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		e, err := transport.NewEndpoint(&recordedConn{sock, rec, toServer}, transport.Config{Responder: r})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	a, b := listen(true, nil), listen(false, plainResponder{})
	defer a.Close()
	defer b.Close()
	echoed := make(chan error, 1)
	go func() {
		conn, err := b.Accept(ctx)
		if err != nil {
			echoed <- err
			return
		}
		s, err := conn.AcceptStream(ctx)
		if err != nil {
			echoed <- err
			return
		}
		_, err = io.Copy(s, s)
		s.Close()
		echoed <- err
	}()
	h := &plainInitiator{}
	to := netip.MustParseAddrPort(b.LocalAddr().String())
	conn, err := a.Dial(ctx, to, h)
	if err != nil {
		t.Fatal(err)
	}
	s, err := conn.OpenStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	said := bytes.Repeat([]byte("hello, bob. "), 300)
	if _, err := s.Write(said); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if heard, err := io.ReadAll(s); err != nil || !bytes.Equal(heard, said) {
		t.Fatalf("heard %d bytes, %v", len(heard), err)
	}
	if err := <-echoed; err != nil {
		t.Fatal(err)
	}
	conn.CloseWithCode(7, "bye")
	<-conn.Done()
	secrets := plainSecrets(h.conn, true)
	return secrets.Send, secrets.Receive
}

// The handshake of this test has messages but no secrets worth the name.
type plainInitiator struct{ conn [32]byte }

func (h *plainInitiator) Bind(conn [32]byte) { h.conn = conn }

func (h *plainInitiator) First() ([]byte, error) { return []byte("first"), nil }

func (h *plainInitiator) Next(_ context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	switch string(msg) {
	case "second":
		return []byte("third"), nil, nil
	case "fourth":
		return []byte("fifth"), plainSecrets(h.conn, true), nil
	}
	return nil, nil, transport.ErrDrop
}

func plainSecrets(conn [32]byte, initiator bool) *session.Secrets {
	a, b := sha256.Sum256(append(conn[:], 'a')), sha256.Sum256(append(conn[:], 'b'))
	if initiator {
		return &session.Secrets{Send: a, Receive: b}
	}
	return &session.Secrets{Send: b, Receive: a}
}

type plainResponder struct{}

func (plainResponder) First(time.Time, netip.AddrPort, []byte) (transport.Verdict, []byte) {
	return transport.Retry, []byte("second")
}

func (plainResponder) Begin(_ time.Time, _ netip.AddrPort, conn [32]byte) transport.Handshake {
	return &plainRun{conn}
}

type plainRun struct{ conn [32]byte }

func (h *plainRun) Next(_ time.Time, msg []byte) ([]byte, *session.Secrets, error) {
	if string(msg) == "third" {
		return []byte("fourth"), nil, nil
	}
	return nil, plainSecrets(h.conn, false), nil
}

func (h *plainRun) Peer() any { return nil }

// specStructs are the checked structs of the packet layer.
func specStructs(t *testing.T) map[string]*types.Struct {
	t.Helper()
	var sources []*diag.Source
	for _, name := range []string{"../spec/packet.wire", "../spec/segment.wire"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &diag.Source{Name: name, Text: string(text)})
	}
	p, errs := gen.Check(sources)
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	structs := map[string]*types.Struct{}
	for _, s := range p.Structs() {
		structs[s.Name] = s
	}
	return structs
}

// connIds are the connection IDs to which packets of the session go, to the server and to the client.
func connIds(t *testing.T, packets []recorded) map[bool]uint64 {
	t.Helper()
	ids := map[bool]uint64{}
	for _, r := range packets {
		var p wire.Packet
		if err := p.UnmarshalBinary(r.bytes); err == nil && p.Type == wire.PacketTypeData {
			ids[r.toServer] = p.Destination
		}
	}
	if len(ids) != 2 {
		t.Fatalf("connection IDs %v, want two", ids)
	}
	return ids
}

// showPacket is what a dissector must show: the fields of the packet, and behind its payload the segments.
func showPacket(t *testing.T, structs map[string]*types.Struct, b []byte, keys *session.Keys) (wire.PacketType, []dissector.Shown) {
	t.Helper()
	v, err := interp.DecodeAll(structs["Packet"], b)
	if err != nil {
		t.Fatal(err)
	}
	kind := wire.PacketType(v.Field("type").Uint)
	payload := v.Field("payload")
	clear := payload.Bytes
	if kind == wire.PacketTypeData {
		opened := bytes.Clone(b)
		head := payload.At / 8
		if _, err := keys.Open(opened, head, v.Field("key_phase").Uint == 1, uint32(v.Field("number").Uint)); err != nil {
			t.Fatal(err)
		}
		clear = opened[head : head+len(payload.Bytes)]
	}
	var all []dissector.Shown
	for _, f := range dissector.Tree("sotto", structs["Packet"], v) {
		all = append(all, f)
		if f.Name != "sotto.packet.payload" || kind == wire.PacketTypeReset {
			continue
		}
		for len(clear) > 0 {
			s, n, err := interp.Decode(structs["Segment"], clear)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, dissector.Tree("sotto", structs["Segment"], s)...)
			clear = clear[n:]
		}
	}
	return kind, all
}

// pcapOf writes a capture file: UDP between port 7001 and the server's 7000.
func pcapOf(packets []recorded) []byte {
	le, be := binary.LittleEndian, binary.BigEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = le.AppendUint64(b, 0)
	b = le.AppendUint32(b, 1<<18)
	b = le.AppendUint32(b, 228) // LINKTYPE_IPV4
	for i, p := range packets {
		size := 28 + len(p.bytes)
		for _, n := range []int{i, 0, size, size} {
			b = le.AppendUint32(b, uint32(n))
		}
		b = append(b, 0x45, 0)
		b = be.AppendUint16(b, uint16(size))
		b = append(b, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1)
		from, to := uint16(7000), uint16(7001)
		if p.toServer {
			from, to = to, from
		}
		b = be.AppendUint16(b, from)
		b = be.AppendUint16(b, to)
		b = be.AppendUint16(b, uint16(size-20))
		b = append(b, 0, 0)
		b = append(b, p.bytes...)
	}
	return b
}

type pdmlField struct {
	Name   string      `xml:"name,attr"`
	Show   string      `xml:"show,attr"`
	Value  string      `xml:"value,attr"`
	Fields []pdmlField `xml:"field"`
}

// fieldsOf lists the fields of our protocol in each packet of a PDML document.
func fieldsOf(t *testing.T, text []byte) [][]dissector.Shown {
	t.Helper()
	var doc struct {
		Packets []struct {
			Protos []pdmlField `xml:"proto"`
		} `xml:"packet"`
	}
	if err := xml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var all [][]dissector.Shown
	for _, p := range doc.Packets {
		var fields []dissector.Shown
		for _, proto := range p.Protos {
			if proto.Name == "sotto" {
				fields = flat(fields, proto.Fields)
			}
		}
		all = append(all, fields)
	}
	return all
}

func flat(out []dissector.Shown, fields []pdmlField) []dissector.Shown {
	for _, f := range fields {
		value := f.Show
		switch {
		case len(f.Fields) > 0:
			value = ""
		case strings.Trim(value, "0123456789") != "":
			value = f.Value // bytes
		}
		out = flat(append(out, dissector.Shown{Name: f.Name, Value: value}), f.Fields)
	}
	return out
}
