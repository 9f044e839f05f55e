package syntax

import (
	"strconv"

	"sotto/gen/diag"
)

var precedence = map[string]int{"==": 1, "+": 2, "-": 2, "*": 3, "/": 3, "^": 4}

func (p *parser) expr() Expr { return p.binary(1) }

// binary parses operators that bind at least as tightly as level. All but ^
// associate to the left.
func (p *parser) binary(level int) Expr {
	defer p.nest()()
	x := p.operand()
	for {
		op := p.tok()
		prec := precedence[op.Text]
		if op.Kind != Punct || prec < level {
			return x
		}
		p.at++
		next := prec + 1
		if op.is("^") {
			next = prec
		}
		x = &BinaryExpr{Op: op.Text, X: x, Y: p.binary(next)}
	}
}

func (p *parser) operand() Expr {
	defer p.nest()()
	t := p.tok()
	switch {
	case t.Kind == Number:
		p.at++
		v, err := strconv.ParseUint(t.Text, 0, 64)
		if err != nil || len(t.Text) > 1 && t.Text[0] == '0' && isDigit(t.Text[1]) {
			p.errs.Add(diag.BadNumber, t.Span, "%s is not a number of at most 64 bits, in decimal or with 0x or 0b in front", t.Text)
		}
		return &NumberExpr{v, t.Span}
	case t.Kind == String:
		p.at++
		return &StringExpr{p.unquote(t), t.Span}
	case t.is("@"):
		return &AttrExpr{p.attr()}
	case t.is("!"):
		p.at++
		x := p.operand()
		return &NotExpr{x, t.Span.To(x.Where())}
	case t.is("("):
		p.at++
		x := p.expr()
		p.expect(")", "to close the parenthesis")
		return x
	case t.Kind == Name:
		n := &NameExpr{Parts: []Ident{p.ident("a name")}, Span: t.Span}
		if p.accept("(") {
			arg := p.expr()
			end := p.expect(")", "after the argument")
			return &CallExpr{n.Parts[0], arg, t.Span.To(end.Span)}
		}
		for p.accept(".") {
			n.Parts = append(n.Parts, p.ident("a name"))
		}
		n.Span = n.Span.To(p.peek(-1).Span)
		return n
	}
	p.fail(t.Span, "expected a value, found %s", t.describe())
	return nil
}
