package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"sotto/gen"
)

// decode writes what the bytes on stdin say.
func decode(args []string, stdin io.Reader, stdout io.Writer) error {
	set := flags("wiregen decode")
	name := set.String("type", "", "")
	binary := set.Bool("binary", false, "")
	params := map[string]uint64{}
	set.Func("param", "", func(s string) error {
		key, value, _ := strings.Cut(s, "=")
		n, err := strconv.ParseUint(value, 0, 64)
		if err != nil {
			return errors.New("it is written NAME=N")
		}
		params[key] = n
		return nil
	})
	if err := parse(set, args); err != nil {
		return err
	}
	if *name == "" {
		return errors.New("wiregen decode: -type says which struct; it is missing")
	}
	sources, err := read(set.Args())
	if err != nil {
		return err
	}
	in, err := io.ReadAll(stdin)
	if err != nil {
		return fmt.Errorf("wiregen decode: %w", err)
	}
	if digits := bytes.Join(bytes.FieldsFunc(in, unicode.IsSpace), nil); !*binary && isHex(digits) {
		if in, err = hex.DecodeString(string(digits)); err != nil {
			return fmt.Errorf("wiregen decode: %w", err)
		}
	}
	text, err := gen.Decode(sources, *name, params, in)
	if err != nil {
		return fmt.Errorf("wiregen decode: %w", err)
	}
	_, err = stdout.Write(text)
	return err
}

// isHex reports whether a text has nothing but hex digits.
func isHex(text []byte) bool { return len(bytes.Trim(text, "0123456789abcdefABCDEF")) == 0 }

// encode writes the bytes for the JSON on stdin.
func encode(args []string, stdin io.Reader, stdout io.Writer) error {
	set := flags("wiregen encode")
	name := set.String("type", "", "")
	binary := set.Bool("binary", false, "")
	if err := parse(set, args); err != nil {
		return err
	}
	if *name == "" {
		return errors.New("wiregen encode: -type says which struct; it is missing")
	}
	sources, err := read(set.Args())
	if err != nil {
		return err
	}
	text, err := io.ReadAll(stdin)
	if err != nil {
		return fmt.Errorf("wiregen encode: %w", err)
	}
	out, err := gen.Encode(sources, *name, text)
	if err != nil {
		return fmt.Errorf("wiregen encode: %w", err)
	}
	if *binary {
		_, err = stdout.Write(out)
		return err
	}
	_, err = fmt.Fprintf(stdout, "%x\n", out)
	return err
}
