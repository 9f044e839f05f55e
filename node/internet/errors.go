package internet

import (
	"errors"
	"syscall"
)

// transient reports whether an error of a read is about a datagram, most often one
// sent earlier that met nobody, and not about the socket: anybody who can send an
// ICMP message could end a reader that took it for more.
func transient(err error) bool {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return false
	}
	switch errno {
	case syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EHOSTUNREACH, syscall.ENETUNREACH,
		syscall.EHOSTDOWN, syscall.ENETDOWN, syscall.ENOPROTOOPT, syscall.EPROTO, syscall.EACCES,
		syscall.EOPNOTSUPP, syscall.EMSGSIZE, syscall.ENOBUFS, syscall.ENOMEM:
		return true
	}
	return transientHere(errno)
}
