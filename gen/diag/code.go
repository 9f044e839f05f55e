package diag

// A Code names a kind of mistake. Each has a program in
// gen/testdata/errors/<code>.wire that makes it.
type Code string

// The codes, in the order of the phases that report them.
const (
	// Scanner and parser.
	BadToken  Code = "bad-token"
	Syntax    Code = "syntax"
	BadNumber Code = "bad-number"

	// Names.
	Duplicate  Code = "duplicate"
	Undeclared Code = "undeclared"
	NotAType   Code = "not-a-type"
	NotAConst  Code = "not-a-constant"
	GoName     Code = "go-name"

	// Attributes.
	BadAttribute Code = "bad-attribute"

	// Types and layout.
	BadWidth    Code = "bad-width"
	BadRange    Code = "bad-range"
	Unaligned   Code = "unaligned"
	Greedy      Code = "greedy"
	ZeroSize    Code = "zero-size"
	Cycle       Code = "cycle"
	BadConst    Code = "bad-constant"
	BadLength   Code = "bad-length"
	BadDerived  Code = "bad-derived"
	BadSelect   Code = "bad-select"
	BadLabel    Code = "bad-label"
	NoDefault   Code = "no-default"
	BadChecksum Code = "bad-checksum"
	BadIf       Code = "bad-condition"
	LooksCount  Code = "looks-like-a-count"

	// Parameters.
	Parameter    Code = "parameter"
	BadParameter Code = "bad-parameter"
)

// Output says that something can't be written for a reason outside the sources,
// such as an option. It is not in Codes: no program makes it.
const Output Code = "output"

// Codes lists every code.
var Codes = []Code{
	BadToken, Syntax, BadNumber,
	Duplicate, Undeclared, NotAType, NotAConst, GoName,
	BadAttribute,
	BadWidth, BadRange, Unaligned, Greedy, ZeroSize, Cycle, BadConst, BadLength,
	BadDerived, BadSelect, BadLabel, NoDefault, BadChecksum, BadIf, LooksCount,
	Parameter, BadParameter,
}
