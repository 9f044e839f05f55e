//go:build !windows

package internet

import "syscall"

func transientHere(syscall.Errno) bool { return false }
