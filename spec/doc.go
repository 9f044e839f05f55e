// Package spec holds the protocol: the .wire files from which package wire is
// generated. It is written for an implementer in any language.
package spec

//go:generate go tool wiregen fmt -w .
//go:generate go tool wiregen -o ../wire -pkg wire -emit go,doc,lua -title Sotto .
//go:generate go tool wiregen -o ../fuzz -pkg fuzz -emit fuzz -codecs sotto/wire .
//go:generate go tool wiregen -o vectors -emit vectors .
