package grammar

import (
	"fmt"
	"strings"
)

// A specWriter turns bytes into text.
type specWriter struct {
	in     []byte
	out    strings.Builder
	prefix string // of all names, so that several specs can share a name space

	enums   []specEnum
	aliases []string
	structs []specStruct
	names   int // given out in the struct that is being written
}

type specEnum struct {
	name   string
	values []string
	bits   int // 0: whole bytes
	closed bool
}

type specStruct struct {
	name   string
	greedy bool
	empty  bool // may take no bytes
	sum    bool // has a checksum
}

// Spec returns the text of a spec. All its names begin with the prefix.
func Spec(in []byte, prefix string) string {
	w := &specWriter{in: in, prefix: prefix}
	for range 1 + w.pick(3) {
		w.enum()
	}
	for range w.pick(3) {
		w.alias()
	}
	for range 1 + w.pick(5) {
		w.structure()
	}
	return w.out.String()
}

// pick chooses a number below n.
func (w *specWriter) pick(n int) int {
	if len(w.in) == 0 {
		return 0
	}
	b := w.in[0]
	w.in = w.in[1:]
	return int(b) % n
}

func (w *specWriter) one(of ...string) string { return of[w.pick(len(of))] }

// chance reports true in one of n cases; never when the input is used up.
func (w *specWriter) chance(n int) bool { return w.pick(n) == n-1 && n > 1 }

func (w *specWriter) printf(format string, args ...any) { fmt.Fprintf(&w.out, format, args...) }

func (w *specWriter) name() string {
	w.names++
	return fmt.Sprintf("f%d", w.names)
}

func (w *specWriter) enum() {
	e := specEnum{name: fmt.Sprintf("%sE%d", w.prefix, len(w.enums))}
	n := 1 + w.pick(4)
	var parts []string
	step := 1 + w.pick(3)
	for i := range n {
		v := fmt.Sprintf("v%d", i)
		e.values = append(e.values, v)
		parts = append(parts, fmt.Sprintf("%s(%d)", v, i*step))
	}
	attr := ""
	switch w.pick(4) {
	case 1:
		parts = append(parts, "(255)")
	case 2:
		parts = append(parts, "(65535)")
	case 3:
		e.bits = 4
		attr = " @bits(4)"
	}
	if w.chance(2) {
		e.closed = true
		attr += " @closed"
	}
	w.printf("enum { %s } %s%s;\n", strings.Join(parts, ", "), e.name, attr)
	w.enums = append(w.enums, e)
}

func (w *specWriter) alias() {
	name := fmt.Sprintf("%sA%d", w.prefix, len(w.aliases))
	w.printf("opaque %s%s%s;\n", name, w.one("[4]", "[16]", "<0..16>", "<1..300>", "<V>"), w.one("", " @secret"))
	w.aliases = append(w.aliases, name)
}

func (w *specWriter) structure() {
	w.names = 0
	s := specStruct{name: fmt.Sprintf("%sS%d", w.prefix, len(w.structs)), empty: true}
	w.printf("struct {\n")
	n := w.pick(7)
	for i := range n {
		last := i == n-1
		if w.member(&s, last) {
			s.empty = false
		}
		if s.greedy {
			for range w.pick(3) {
				w.fixed()
				s.empty = false
			}
			break
		}
	}
	attr := ""
	if w.chance(12) {
		attr = fmt.Sprintf(" @max(%d)", 40+w.pick(200))
	}
	w.printf("} %s%s;\n", s.name, attr)
	w.structs = append(w.structs, s)
}

// fixed writes a field of fixed size.
func (w *specWriter) fixed() {
	w.printf("    %s %s%s;\n", w.one("uint8", "uint16", "uint24", "uint32", "uint40", "uint64", "uint16le", "uint32le"), w.name(), "")
}

// element returns a type that may stand in a vector, or "".
func (w *specWriter) element() string {
	switch w.pick(6) {
	case 0:
		return w.one("uint8", "uint16", "uint32", "uint24", "uint64", "uint32le")
	case 1:
		if e := w.enums[w.pick(len(w.enums))]; e.bits == 0 {
			return e.name
		}
	case 2:
		return w.one("varint", "leb128")
	case 3:
		if len(w.aliases) > 0 {
			return w.aliases[w.pick(len(w.aliases))]
		}
	case 4, 5:
		if len(w.structs) > 0 {
			if s := w.structs[w.pick(len(w.structs))]; !s.greedy && !s.empty {
				return s.name
			}
		}
	}
	return "uint16"
}

// member writes one member, or a few that belong together, and reports whether they always take a byte.
func (w *specWriter) member(s *specStruct, last bool) bool {
	name := w.name()
	switch w.pick(24) {
	case 0:
		w.fixed()
	case 1:
		w.bits()
	case 2:
		w.printf("    %s %s = %d%s;\n", w.one("uint8", "uint16", "uint32le"), name, w.pick(200), w.one("", "", " @ignore"))
	case 3:
		w.printf("    opaque %s[%d]%s;\n", name, 1+w.pick(20), w.one("", " @secret"))
	case 4:
		w.printf("    opaque %s<%d..%s>;\n", name, w.pick(3), w.one("20", "255", "256", "2^16-1", "2^24-1"))
	case 5:
		w.printf("    @utf8 %s<%d..%s>;\n", name, w.pick(3), w.one("20", "32", "255", "2^16-1"))
	case 6:
		w.printf("    %s %s%s;\n", w.one("varint", "leb128"), name, w.one("", "", " @any"))
	case 7:
		e := w.enums[w.pick(len(w.enums))]
		w.printf("    %s %s;\n", e.name, name)
		if e.bits != 0 {
			w.printf("    uint4 %s;\n", w.name())
		}
	case 8:
		return w.nested(s, last, name)
	case 9:
		w.printf("    %s %s%s;\n", w.element(), name, w.one("{3}", "{0..5}", "{1..300}", "<0..40>", "<0..2^16-1>", "<V>", "{0..9 : varint}", "<0..40 : uint16le>"))
	case 10:
		w.printf("    %s %s;\n    %s %s%s%s%s;\n", w.one("uint8", "uint16", "varint", "uint32le"), name, w.one("opaque", "uint8", "uint16"), w.name(), w.one("[", "[", "[")[:1], name, "]")
	case 11:
		w.printf("    %s %s;\n    %s %s{%s};\n", w.one("uint8", "uint16", "varint"), name, w.element(), w.name(), name)
	case 12:
		body := w.name()
		w.printf("    %s %s = sizeof(%s)%s;\n", w.one("uint8", "uint16", "uint24", "varint"), name, body, w.one("", " + 2", " * 1", " - 0"))
		w.printf("    %s;\n", w.one("opaque "+body+"[..]", "opaque "+body+"<0..200>", w.element()+" "+body+"[..]", "optional<uint16> "+body))
	case 13, 14, 15:
		w.selection(s, name)
	case 16:
		w.printf("    optional<%s> %s;\n", w.element(), name)
	case 17:
		flag := w.name()
		w.printf("    uint8 %s;\n    %s %s @if(%s%s);\n", flag, w.element(), name, w.one("", "!"), flag)
	case 18:
		w.printf("    @pad(%d);\n", 1+w.pick(8))
		return false
	case 19:
		if s.sum {
			w.fixed() // of two checksums one may cover the other
			return true
		}
		s.sum = true
		covered := w.name()
		w.printf("    opaque %s[%s] = %s(%s);\n    opaque %s<0..99>;\n", name, w.one("2", "4", "8"), w.one("@sha256", "@md5", "@sha256"), w.one(covered, s.name), covered)
	case 20:
		w.printf("    %s %s%s;\n", w.element(), name, w.one(" @raw", "[..]"))
		if strings.HasSuffix(w.out.String(), "[..];\n") {
			s.greedy = true
			return false
		}
	case 21:
		if last {
			w.printf("    opaque %s[..];\n", name)
			s.greedy = true
			return false
		}
		w.printf("    uint16 %s = sizeof(%s);\n", name, s.name)
	case 22:
		w.low()
	case 23:
		// A struct may hold itself where there can be none of it.
		w.printf("    %s%s;\n", w.one(s.name+" "+name+"<0..40>", s.name+" "+name+"{0..3}", "optional<"+s.name+"> "+name), "")
	}
	return true
}

func (w *specWriter) nested(s *specStruct, last bool, name string) bool {
	if len(w.structs) == 0 {
		w.fixed()
		return true
	}
	in := w.structs[w.pick(len(w.structs))]
	if in.greedy && !last {
		w.fixed()
		return true
	}
	w.printf("    %s %s%s;\n", in.name, name, w.one("", "", " @raw"))
	s.greedy = s.greedy || in.greedy
	return !in.empty
}

// low writes a group of bits, the lowest first.
func (w *specWriter) low() {
	left := 8 << w.pick(4)
	w.printf("    @lsb(%d) {\n", left)
	for left > 0 {
		n := min(1+w.pick(17), left)
		value := ""
		if w.chance(6) {
			value = " = 1"
		}
		w.printf("        uint%d %s%s;\n", n, w.name(), value)
		left -= n
	}
	w.printf("    }\n")
}

// bits writes a run of bit fields that ends on a byte.
func (w *specWriter) bits() {
	left := 8 * (1 + w.pick(6))
	for left > 0 {
		n := min(1+w.pick(17), left, 64)
		value := ""
		if w.chance(6) {
			value = " = 0"
		}
		w.printf("    uint%d %s%s;\n", n, w.name(), value)
		left -= n
	}
}

func (w *specWriter) selection(s *specStruct, on string) {
	e := w.enums[w.pick(len(w.enums))]
	w.printf("    %s %s;\n", e.name, on)
	if e.bits != 0 {
		w.printf("    uint4 %s;\n", w.name())
	}
	confined := w.chance(3)
	body := ""
	if confined {
		body = " " + w.name()
		w.printf("    uint16 %s = sizeof(%s);\n", w.name(), body[1:])
	}
	w.printf("    select (%s) {\n", on)
	labels := e.values
	for len(labels) > 0 {
		n := min(1+w.pick(2), len(labels))
		w.printf("        case %s: ", strings.Join(labels[:n], ", "))
		labels = labels[n:]
		switch w.pick(5) {
		case 0:
			w.printf("struct {};\n")
		case 1:
			w.printf("%s;\n", w.element())
		case 2:
			w.printf("uint8 %s; %s %s;\n", w.name(), w.element(), w.name())
		case 3:
			w.printf("opaque %s<0..40>;\n", w.name())
		case 4:
			if confined {
				w.printf("opaque %s[..];\n", w.name())
			} else {
				w.printf("uint32;\n")
			}
		}
	}
	if !e.closed && !(confined && w.chance(2)) {
		if confined || w.chance(2) {
			w.printf("        default: opaque %s[..];\n", w.name())
			s.greedy = s.greedy || !confined
		} else {
			w.printf("        default: struct {};\n")
		}
	}
	w.printf("    }%s;\n", body)
}
