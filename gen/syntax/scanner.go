package syntax

import (
	"strings"

	"sotto/gen/diag"
)

// Scan cuts a source into tokens. The last one is EOF and holds the comments
// at the end of the file.
func Scan(src *diag.Source, errs *diag.List) []Token {
	s := scanner{src: src, text: src.Text, line: 1, errs: errs}
	var tokens []Token
	for {
		t := s.next()
		tokens = append(tokens, t)
		if t.Kind == EOF {
			return tokens
		}
	}
}

type scanner struct {
	src  *diag.Source
	text string
	at   int
	line int
	errs *diag.List
}

func (s *scanner) span(start int) diag.Span { return diag.Span{Source: s.src, Start: start, End: s.at} }

func (s *scanner) next() Token {
	comments := s.space()
	start, line := s.at, s.line
	t := Token{Kind: EOF, Line: line, Comments: comments}
	if s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case isLetter(c):
			t.Kind = Name
			s.skip(isWord)
		case isDigit(c):
			t.Kind = Number
			s.skip(isWord)
		case c == '"':
			t.Kind = String
			s.quoted()
		default:
			t.Kind = Punct
			s.at++
			switch {
			case strings.HasPrefix(s.text[start:], ".."), strings.HasPrefix(s.text[start:], "=="):
				s.at++
			case !strings.ContainsRune("{}[]()<>;:,.=@+-*/^!", rune(c)):
				for s.at < len(s.text) && s.text[s.at] >= 0x80 {
					s.at++ // the rest of a character outside ASCII
				}
				s.errs.Add(diag.BadToken, s.span(start), "the character %q has no meaning here", s.text[start:s.at])
				t = s.next()
				t.Comments = append(comments, t.Comments...)
				return t
			}
		}
	}
	t.Text = s.text[start:s.at]
	t.Span = s.span(start)
	return t
}

func (s *scanner) skip(in func(byte) bool) {
	for s.at < len(s.text) && in(s.text[s.at]) {
		s.at++
	}
}

func (s *scanner) quoted() {
	start := s.at
	for s.at++; s.at < len(s.text) && s.text[s.at] != '\n'; s.at++ {
		switch s.text[s.at] {
		case '"':
			s.at++
			return
		case '\\':
			if s.at+1 < len(s.text) && s.text[s.at+1] != '\n' {
				s.at++
			}
		}
	}
	s.errs.Add(diag.BadToken, s.span(start), "the string has no closing quote")
}

// space skips white space and returns the comments in it.
func (s *scanner) space() []Comment {
	var out []Comment
	for s.at < len(s.text) {
		start, line := s.at, s.line
		switch rest := s.text[s.at:]; {
		case rest[0] == '\n':
			s.line++
			s.at++
			continue
		case rest[0] == ' ', rest[0] == '\t', rest[0] == '\r', rest[0] == '\f':
			s.at++
			continue
		case strings.HasPrefix(rest, "//"):
			if end := strings.IndexByte(rest, '\n'); end >= 0 {
				s.at += end
			} else {
				s.at = len(s.text)
			}
		case strings.HasPrefix(rest, "/*"):
			if end := strings.Index(rest[2:], "*/"); end >= 0 {
				s.at += end + 4
			} else {
				s.at = len(s.text)
				s.errs.Add(diag.BadToken, diag.Span{Source: s.src, Start: start, End: start + 2}, "the comment is not closed")
			}
		default:
			return out
		}
		text := s.text[start:s.at]
		s.line += strings.Count(text, "\n")
		out = append(out, Comment{Text: strings.TrimRight(text, "\r "), Span: s.span(start), Line: line, LastLine: s.line})
	}
	return out
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '\'' }
