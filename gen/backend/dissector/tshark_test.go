package dissector_test

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sotto/fuzz/grammar"
	"sotto/gen/backend/dissector"
	"sotto/gen/backend/vectors"
	"sotto/gen/diag"
	"sotto/gen/syntax"
	"sotto/gen/types"
)

// TestTshark gives samples of every struct to tshark, each on a port of its own, and compares every field with what
// the interpreter says: for each form of the language, and for our own protocol.
func TestTshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("no tshark here")
	}
	t.Run("forms", func(t *testing.T) {
		compare(t, tshark, check(t, append(sources(t, "testdata/*.wire"), randomSpecs(t, 11, 25))))
	})
	t.Run("spec", func(t *testing.T) {
		compare(t, tshark, check(t, sources(t, "../../../spec/*.wire", "../../../spec/classic/*.wire")))
	})
}

// randomSpecs makes a source of so many random specs that are valid.
func randomSpecs(t *testing.T, seed uint64, specs int) *diag.Source {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 9))
	text := ""
	for i := 0; i < specs; {
		choices := make([]byte, 40+random.IntN(120))
		for j := range choices {
			choices[j] = byte(random.Uint32())
		}
		one := grammar.Spec(choices, fmt.Sprintf("R%d", i))
		var errs diag.List
		types.Check([]*syntax.File{syntax.Parse(&diag.Source{Name: "random.wire", Text: one}, &errs)}, &errs)
		if errs.Err() == nil {
			text += one
			i++
		}
	}
	return &diag.Source{Name: "random.wire", Text: text}
}

// compare runs tshark over a capture of samples.
func compare(t *testing.T, tshark string, p *types.Program) {
	t.Helper()
	dir := t.TempDir()
	script := filepath.Join(dir, "sotto.lua")
	if err := os.WriteFile(script, dissector.Script(p, "sotto", "Sotto", "Packet", 5000, ""), 0o600); err != nil {
		t.Fatal(err)
	}
	var ports []string
	var want [][]dissector.Shown
	var packets [][]byte
	for i, s := range p.Structs() {
		if len(s.Params) > 0 {
			continue // nobody would give it what it needs
		}
		port := 20000 + i
		ports = append(ports, fmt.Sprintf("%d:%s", port, s.Name))
		for _, sample := range vectors.Samples(s) {
			if len(sample.Bytes) == 0 {
				continue // tshark calls no dissector for an empty datagram
			}
			want = append(want, dissector.Tree("sotto", s, sample.Value))
			packets = append(packets, udp(port, sample.Bytes))
		}
	}
	file := filepath.Join(dir, "all.pcap")
	if err := os.WriteFile(file, pcap(packets), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tshark, "-X", "lua_script:"+script, "-o", "sotto.ports:"+strings.Join(ports, ","), "-r", file, "-T", "pdml")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, stderr.Bytes())
	}
	if strings.Contains(stderr.String(), "Lua") {
		t.Fatalf("tshark: %s", stderr.Bytes())
	}
	got := parsePDML(t, out)
	if len(got) != len(want) {
		t.Fatalf("%d packets, want %d\n%s", len(got), len(want), stderr.Bytes())
	}
	failed := 0
	for i := range want {
		if g, w := fmt.Sprint(got[i]), fmt.Sprint(want[i]); g != w {
			t.Errorf("packet %x:\ngot  %s\nwant %s", packets[i][28:], g, w)
			if failed++; failed > 5 {
				t.FailNow()
			}
		}
	}
	t.Logf("%d packets of %d structs", len(packets), len(p.Structs()))
}

// sources reads files.
func sources(t *testing.T, patterns ...string) []*diag.Source {
	t.Helper()
	var all []*diag.Source
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal("no sources", err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, &diag.Source{Name: name, Text: string(text)})
		}
	}
	return all
}

// check makes a program of sources.
func check(t *testing.T, sources []*diag.Source) *types.Program {
	t.Helper()
	var errs diag.List
	var files []*syntax.File
	for _, s := range sources {
		files = append(files, syntax.Parse(s, &errs))
	}
	p := types.Check(files, &errs)
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

// udp puts a payload into a datagram for a port.
func udp(port int, payload []byte) []byte {
	b := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1}
	binary.BigEndian.PutUint16(b[2:], uint16(28+len(payload)))
	b = binary.BigEndian.AppendUint16(b, 1)
	b = binary.BigEndian.AppendUint16(b, uint16(port))
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(payload)))
	b = append(b, 0, 0)
	return append(b, payload...)
}

// pcap makes a capture file of IPv4 packets.
func pcap(packets [][]byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = le.AppendUint64(b, 0)
	b = le.AppendUint32(b, 1<<18)
	b = le.AppendUint32(b, 228) // LINKTYPE_IPV4
	for i, p := range packets {
		b = le.AppendUint32(b, uint32(i))
		b = le.AppendUint32(b, 0)
		b = le.AppendUint32(b, uint32(len(p)))
		b = le.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

type pdmlField struct {
	Name   string      `xml:"name,attr"`
	Show   string      `xml:"show,attr"`
	Value  string      `xml:"value,attr"`
	Fields []pdmlField `xml:"field"`
}

// parsePDML lists for each packet the fields of our protocol.
func parsePDML(t *testing.T, text []byte) [][]dissector.Shown {
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
				fields = flatten(fields, proto.Fields)
			}
		}
		all = append(all, fields)
	}
	return all
}

func flatten(out []dissector.Shown, fields []pdmlField) []dissector.Shown {
	for _, f := range fields {
		value := f.Show
		switch {
		case len(f.Fields) > 0 || value == "":
			value = ""
		case strings.Trim(value, "0123456789") != "":
			value = f.Value // bytes and text: compare them as hex
		}
		out = flatten(append(out, dissector.Shown{Name: f.Name, Value: value}), f.Fields)
	}
	return out
}
