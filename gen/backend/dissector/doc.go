// Package dissector writes a Wireshark dissector in Lua that shows every field of every struct.
//
// A struct becomes a Lua function that reads it from a cursor and adds its fields to the tree; prelude.lua holds the
// cursor. The user says which struct begins a datagram on which UDP port, in the protocol's preference "ports".
//
// The dissector shows; it doesn't judge. It stops where the bytes run out or a length makes no sense, and says so, but
// constants, checksums and limits are not compared: somebody who looks at a capture wants to see what is there.
package dissector
