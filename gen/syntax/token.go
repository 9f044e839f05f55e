package syntax

import "sotto/gen/diag"

// A Kind is the kind of a token. Punctuation is its own text.
type Kind uint8

// The kinds.
const (
	EOF Kind = iota
	Name
	Number
	String
	Punct
)

func (k Kind) String() string {
	return [...]string{"end of file", "name", "number", "string", "punctuation"}[k]
}

// A Token is one word of a source.
type Token struct {
	Kind Kind
	Text string // as written
	Span diag.Span
	Line int // where it begins

	// Comments that stand between the token before and this one.
	Comments []Comment
}

// A Comment is one // or /* */ comment.
type Comment struct {
	Text     string // with its marks
	Span     diag.Span
	Line     int // where it begins
	LastLine int
}

func (t Token) is(text string) bool { return t.Text == text && t.Kind != String && t.Kind != EOF }

func (t Token) describe() string {
	switch t.Kind {
	case EOF:
		return "end of file"
	case Name:
		return "name " + t.Text
	}
	return t.Text
}
