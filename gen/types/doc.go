// Package types checks a tree and gives it meaning: names, constants, widths,
// layout, what confines what, and whether a type is canonical.
//
// The result is a Program. Backends and the interpreter walk it and need to
// decide nothing: all names are resolved, numbers computed and mistakes
// reported. How to walk a struct:
//
//	region := the bytes given to the struct
//	for each member, in order:
//	  *Field
//	    If != nil       absent unless the condition holds
//	    Const           must hold this value; has no place in the Go struct
//	    Derived         a length: read it, remember it, and let the field that
//	                    it confines or the check at the end use it
//	    Checksum        filled in and checked when the struct is complete
//	    ConfinedBy      decode in a region of exactly the size it says
//	    Type            *Int *Enum *Varint *Alias *Vector *Optional *Struct
//	  *Select           pick the arm by the value of On, then walk its Fields
//	  *Pad              zero bytes up to a multiple of To from the struct's start
//
// Bit fields need no special walk: read Bits bits, most significant first, or
// least significant first if LSB. The checker has seen to it that everything
// wider than bits, and each @lsb group, starts on a byte.
package types
