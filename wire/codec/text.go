package codec

import (
	"encoding/hex"
	"strconv"
)

// shown is how many bytes of a field String shows. A log line is not the place
// for more.
const shown = 32

// AppendBytes appends v in hex, cut to its first bytes, and its length if cut.
func AppendBytes(b, v []byte) []byte {
	if len(v) <= shown {
		return hex.AppendEncode(b, v)
	}
	b = hex.AppendEncode(b, v[:shown])
	b = append(b, "..("...)
	b = strconv.AppendInt(b, int64(len(v)), 10)
	return append(b, " bytes)"...)
}

// AppendText appends v quoted.
func AppendText(b []byte, v string) []byte { return strconv.AppendQuote(b, v) }

// AppendUint appends v in decimal.
func AppendUint(b []byte, v uint64) []byte { return strconv.AppendUint(b, v, 10) }

// AppendBool appends true or false.
func AppendBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }

// EnumText returns the name of a value of an enum that has none: "Type(7)".
func EnumText(name string, v uint64) string {
	return name + "(" + strconv.FormatUint(v, 10) + ")"
}
