// Wiregen compiles .wire files. Run "wiregen -h" for its manual; the language is
// described in package spec.
package main
