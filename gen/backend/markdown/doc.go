// Package markdown writes the protocol document: for each declaration its prose, a bit diagram in the manner of the
// RFCs and a table of fields or values.
//
// It invents nothing. What a reader of the document misses is missing in the comments of the .wire file.
package markdown
