// Package cmd holds no code of its own: below it stand the programs (wiregen,
// the compiler; sottod, the server; sotto, the client; sottotrace, which draws
// what a connection did), which parse flags and own the terminal while
// everything else lives in gen and node, and
// beside it the tests that speak of the whole tree: who may import whom, where
// the clock may be read, and whole sessions of real processes.
package cmd
