package internet

// A Mark is what the IP header of a datagram says about congestion (ECN, RFC 3168).
type Mark uint8

const (
	Unmarked  Mark = iota // routers drop it when they have too much
	Marked1               // ECT(1); nothing of ours sends it
	Markable              // ECT(0): they may set Congested instead
	Congested             // CE: one of them did
)

// markMask are the bits of a Mark in the IP header's byte.
const markMask = 3
