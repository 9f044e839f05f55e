// Sottotrace draws the trace of a connection: which packet was sent, acknowledged
// and lost when, and what the sender went by meanwhile.
//
//	sottotrace [-conn ID] [trace.jsonl] >trace.svg
//
// It reads the lines of JSON that node/transport writes to Config.Trace, from the
// file or from standard input, and writes a picture in SVG, with four parts over one
// time axis: packet numbers, the congestion window and what is in flight, the pacing
// rate, and round trip times. A trace may hold several connections; the one with
// the most packets is drawn unless -conn names another, by the first digits of its
// ID.
//
// It draws what it finds, and knows nothing of the protocol.
package main
