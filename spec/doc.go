// Package spec holds the protocol: the .wire files from which package wire is
// generated. It is written for an implementer in any language.
package spec

//go:generate go tool wiregen -o ../wire -pkg wire .
