package markdown

import (
	"fmt"
	"strings"
)

// A cell is one field as a bit diagram shows it.
type cell struct {
	name string
	bits int    // size in bits if it does not vary
	vary bool   // the size varies
	note string // what stands in brackets behind the name, such as the size
	tiny string // what stands for the cell where its name has no room; the initials without it
}

const (
	rowBits = 32

	// wholeRows is how many full rows a long field of fixed size keeps. The rest of the rows would say
	// nothing: the size stands in the label.
	wholeRows = 3
)

// A row gives each of its bits to a cell, by index; none where the diagram ends.
type row struct {
	owner [rowBits]int
	label map[int]string // by first bit of a span: the text centred in it
	more  bool           // goes on for as long as the field does
}

const none = -1

// diagram draws cells in the manner of RFC 791: 32 bits a row, most significant bit first.
func diagram(cells []cell) string {
	if len(cells) == 0 {
		return ""
	}
	rows := layout(cells)
	var b strings.Builder
	b.WriteString(ruler(rows))
	b.WriteString(border(nil, &rows[0]))
	for i := range rows {
		b.WriteString(rows[i].text())
		var next *row
		if i+1 < len(rows) {
			next = &rows[i+1]
		}
		b.WriteString(border(&rows[i], next))
	}
	return b.String()
}

// ruler numbers the bit columns, as far as the widest row needs them.
func ruler(rows []row) string {
	width := 0
	for i := range rows {
		width = max(width, rows[i].width())
	}
	var tens, ones strings.Builder
	for i := range width {
		if i%10 == 0 {
			fmt.Fprintf(&tens, " %d", i/10)
		} else {
			tens.WriteString("  ")
		}
		fmt.Fprintf(&ones, " %d", i%10)
	}
	return strings.TrimRight(tens.String(), " ") + "\n" + ones.String() + "\n"
}

// layout places the cells one after the other. A cell behind one of variable size begins a row of its own, because
// nobody can say at which bit it starts.
func layout(cells []cell) []row {
	var rows []row
	at := rowBits // bit in the last row where the next cell starts
	fresh := func() *row {
		r := row{label: map[int]string{}}
		for i := range r.owner {
			r.owner[i] = none
		}
		rows = append(rows, r)
		at = 0
		return &rows[len(rows)-1]
	}
	for index, c := range cells {
		first, best, width := len(rows)-1, 0, 0
		place := func(bits int) {
			r := &rows[len(rows)-1]
			for i := at; i < at+bits; i++ {
				r.owner[i] = index
			}
			if bits > width {
				best, width = len(rows)-1, bits
			}
			at += bits
		}
		if at == rowBits {
			fresh()
			first = len(rows) - 1
		}
		if c.vary {
			label := c.label()
			if left := rowBits - at; 2*left-1 < len(label) {
				place(left)
				fresh()
			}
			place(rowBits - at)
			rows[len(rows)-1].more = true
		} else {
			for left := shorten(c.bits, at); left > 0; {
				if at == rowBits {
					fresh()
				}
				n := min(left, rowBits-at)
				place(n)
				left -= n
			}
		}
		// The label stands in the widest row; of a field with many whole rows, in the middle one.
		if whole := len(rows) - first; width == rowBits && whole > 2 {
			best += (whole - 1) / 2
			best = min(best, len(rows)-1)
			if spanWidth(&rows[best], index) < rowBits {
				best--
			}
		}
		if width > 0 {
			r := &rows[best]
			r.label[r.start(index)] = c.fit(2*width - 1)
		}
	}
	return rows
}

// shorten drops whole rows from the middle of a long field that starts at the given bit.
func shorten(bits, at int) int {
	head := (rowBits - at) % rowBits
	whole := (bits - head) / rowBits
	if whole > wholeRows {
		bits -= (whole - wholeRows) * rowBits
	}
	return bits
}

func spanWidth(r *row, index int) int {
	n := 0
	for _, o := range r.owner {
		if o == index {
			n++
		}
	}
	return n
}

func (r *row) start(index int) int {
	for i, o := range r.owner {
		if o == index {
			return i
		}
	}
	return 0
}

func (r *row) width() int {
	for i, o := range r.owner {
		if o == none {
			return i
		}
	}
	return rowBits
}

// text is the line with the names.
func (r *row) text() string {
	var b strings.Builder
	for i := 0; i < r.width(); {
		n := 1
		for i+n < rowBits && r.owner[i+n] == r.owner[i] {
			n++
		}
		b.WriteByte('|')
		b.WriteString(centre(r.label[i], 2*n-1))
		i += n
	}
	if r.more {
		b.WriteString("...\n")
	} else {
		b.WriteString("|\n")
	}
	return b.String()
}

// border is the line between two rows: open where one field fills both sides of it.
func border(above, below *row) string {
	owner := func(r *row, i int) int {
		if r == nil || i < 0 || i >= rowBits {
			return none
		}
		return r.owner[i]
	}
	open := func(i int) bool { o := owner(above, i); return o != none && o == owner(below, i) }
	line := func(i int) bool { return (owner(above, i) != none || owner(below, i) != none) && !open(i) }
	var b strings.Builder
	for i := 0; i <= rowBits; i++ {
		edge := line(i) || line(i-1) || open(i) != open(i-1)
		switch {
		case edge:
			b.WriteByte('+')
		default:
			b.WriteByte(' ')
		}
		if i == rowBits {
			break
		}
		if line(i) {
			b.WriteByte('-')
		} else {
			b.WriteByte(' ')
		}
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

func centre(s string, width int) string {
	left := (width - len(s)) / 2
	if left < 0 {
		return s[:width]
	}
	return strings.Repeat(" ", left) + s + strings.Repeat(" ", width-len(s)-left)
}

func (c cell) label() string {
	if c.note == "" {
		return c.name
	}
	return c.name + " (" + c.note + ")"
}

// fit is the longest way to name the cell that takes at most width characters.
func (c cell) fit(width int) string {
	for _, s := range []string{c.label(), c.name, c.tiny, initials(c.name)} {
		if s != "" && len(s) <= width {
			return s
		}
	}
	return strings.ToUpper(c.name[:min(width, len(c.name))])
}

// initials abbreviates key_phase to KP.
func initials(name string) string {
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '_' || r == ' ' }) {
		b.WriteString(strings.ToUpper(word[:1]))
	}
	return b.String()
}
