// Package wire holds the encoders and decoders of every packet, segment and
// message, generated from the .wire files in spec.
//
// Every type keeps the same promises. No input makes a decoder panic or read
// outside its input, or allocate more than a fixed multiple of the input's
// length. What decodes re-encodes to the same bytes, unless the type's comment
// says otherwise. In every error errors.As finds a *codec.Error: it names the field
// by its path and the byte at which it begins, and matches a sentinel of package
// codec.
//
// Decode aliases its input and reuses the slices of its receiver; UnmarshalBinary
// copies and wants the whole input used. Of the fields that belong to the cases
// of a union only the one that the selector names has a meaning.
//
// Run "go generate ./spec" after changing a .wire file.
package wire
