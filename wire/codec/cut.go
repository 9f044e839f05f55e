package codec

// A Layout says which fields stand at the front of a message whose front has a fixed
// size.
type Layout struct {
	Message string
	Fields  []string
	Ends    []int  // where each of the fields ends
	Length  string // the field that says how long the message is; empty without one
}

// A Cut is the error of a decoder that found less than the fixed front of a message,
// or a length that can't be. It has no more than the numbers, and takes no call to
// make: a decoder that can fail in no other way is small enough to be inlined. What is
// wrong is found out when somebody asks, so errors.As finds an *Error in it and
// errors.Is its sentinel.
type Cut struct {
	Of   *Layout
	Have int // bytes of input
	Says int // what the length says, if there is one and Have is enough to read it
}

// Error says what the Error in it says.
func (c Cut) Error() string { return c.Unwrap().Error() }

// Unwrap returns the *Error.
func (c Cut) Unwrap() error {
	have, inside, start := c.Have, false, 0
	for i, field := range c.Of.Fields {
		end := c.Of.Ends[i]
		if have < end {
			err := Short(c.Of.Message, field, start, have-start, end-start)
			if inside {
				return Inside(err)
			}
			return Lacking(err, c.Of.known()-have)
		}
		if field == c.Of.Length {
			if c.Says > have {
				return ShortBy(c.Of.Message, field, start, have, uint64(c.Says))
			}
			if c.Says < end {
				return Below(c.Of.Message, field, start, uint64(c.Says), uint64(end))
			}
			have, inside = c.Says, true
		}
		start = end
	}
	return Trailing(c.Of.Message, "", start, have-start)
}

// known returns how many bytes are needed in any case: up to the length, or all.
func (l *Layout) known() int {
	n := 0
	for i, field := range l.Fields {
		if n = l.Ends[i]; field == l.Length {
			break
		}
	}
	return n
}
