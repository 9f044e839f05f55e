package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the pictures in testdata")

// The picture of a trace is what it was. After a change that is meant, look at the
// picture and run with -update.
func TestDraw(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{filepath.Join("testdata", "loss.jsonl")}, nil, &out); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(out.Bytes())); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal("not XML: ", err)
		}
	}
	name := filepath.Join("testdata", "loss.svg")
	if *update {
		if err := os.WriteFile(name, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("another picture than %s:\n%s", name, out.Bytes())
	}
}

func TestRead(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "loss.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := read(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 {
		t.Fatalf("%d connections, want 2", len(all))
	}
	c := all[0]
	if len(c.sent) != 4 || len(c.acked) != 2 || len(c.lost) != 1 || len(c.received) != 1 || len(c.timeouts) != 1 || len(c.metrics) != 2 {
		t.Errorf("read %+v", c)
	}
	if c.begin != 20.1 || c.end != 130 || c.closed != `closed here: "<enough>"` {
		t.Errorf("from %v to %v, closed %q", c.begin, c.end, c.closed)
	}
}

func TestChoose(t *testing.T) {
	all := []*course{{conn: "aa11", sent: make([]packet, 1)}, {conn: "aa22", sent: make([]packet, 3)}, {conn: "bb33"}}
	for prefix, want := range map[string]string{"": "aa22", "aa1": "aa11", "b": "bb33"} {
		if c, err := choose(all, prefix); err != nil || c.conn != want {
			t.Errorf("choose(%q): %v, %v, want %s", prefix, c, err, want)
		}
	}
	for prefix, want := range map[string]string{"aa": "both connection aa11 and aa22 begin with aa", "c": "no connection of this trace begins with c"} {
		if _, err := choose(all, prefix); err == nil || err.Error() != want {
			t.Errorf("choose(%q): %v, want %s", prefix, err, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		args  []string
		input string
		want  string
	}{
		{nil, "", "the trace is empty"},
		{nil, "{}\nnot json\n", "line 2: "},
		{nil, strings.Repeat("x", 2*longestLine), "too long"},
		{[]string{"-conn", "12"}, `{"conn":"34"}`, "no connection of this trace begins with 12"},
		{[]string{"a", "b"}, "", "one trace at a time, not 2"},
		{[]string{filepath.Join("testdata", "nothing")}, "", "nothing"},
	} {
		err := run(c.args, strings.NewReader(c.input), io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("run(%q) on %.20q: %v, want %q in it", c.args, c.input, err, c.want)
		}
	}
}

// A trace of one moment, or without any figures, can be drawn as well.
func TestDrawLittle(t *testing.T) {
	for _, input := range []string{`{"conn":"1"}`, `{"time":5,"conn":"1","name":"transport:packet_received","data":{"number":9}}`} {
		var out bytes.Buffer
		if err := run(nil, strings.NewReader(input), &out); err != nil {
			t.Fatal(err)
		}
		if s := out.String(); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
			t.Errorf("drawn from %s: %s", input, s)
		}
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 2.5: "2.5", 999: "999", 9999: "9999", 10000: "10k", 123456: "123.46k", 2e6: "2M", 2.5e9: "2.5G"} {
		if got := plain(v); got != want {
			t.Errorf("plain(%v) = %s, want %s", v, got, want)
		}
	}
	for _, a := range []axis{{0, 1}, {0, 97}, {100, 3000}, {0, 1.05}, {5, 5e7}} {
		if n := len(a.ticks(5)); n < 2 || n > 6 {
			t.Errorf("%d ticks on %v", n, a)
		}
	}
}
