package transport

// A maxFilter is the largest of the values that were given to it during the last
// span rounds. It keeps the three best so that the second takes over when the
// first is too old (Kathleen Nichols' windowed filter, as in Linux's minmax.c).
type maxFilter struct {
	best [3]roundValue // falling in value, rising in round
}

type roundValue struct {
	round int64
	value float64
}

func (f *maxFilter) max() float64 { return f.best[0].value }

// reset forgets everything but one value.
func (f *maxFilter) reset(round int64, value float64) {
	v := roundValue{round, value}
	f.best = [3]roundValue{v, v, v}
}

func (f *maxFilter) add(round int64, value float64, span int64) {
	v := roundValue{round, value}
	b := &f.best
	if value >= b[0].value || round-b[2].round > span {
		f.reset(round, value)
		return
	}
	if value >= b[1].value {
		b[1], b[2] = v, v
	} else if value >= b[2].value {
		b[2] = v
	}
	switch age := round - b[0].round; {
	case age > span:
		// The best is too old: the others move up.
		b[0], b[1], b[2] = b[1], b[2], v
		if round-b[0].round > span {
			b[0], b[1] = b[1], b[2]
		}
	case b[1].round == b[0].round && age > span/4:
		// A quarter of the span without a second: take one from now.
		b[1], b[2] = v, v
	case b[2].round == b[1].round && age > span/2:
		b[2] = v
	}
}
