// Package vet compares two versions of a program and names every change that breaks a peer: bytes that one version
// writes and the other refuses or reads as something else.
//
// Declarations are compared by name, members by place: a field may be renamed, a declaration too if its layout stays.
// New declarations, new values of an open enum and new cases where a default took whatever came break nobody.
package vet
