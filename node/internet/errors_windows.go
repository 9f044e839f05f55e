package internet

import "syscall"

// transientHere knows the numbers of Winsock, which are not those of the constants
// that package syscall makes up for Windows.
func transientHere(errno syscall.Errno) bool {
	const (
		msgSize     = 10040 // WSAEMSGSIZE
		netUnreach  = 10051 // WSAENETUNREACH
		netReset    = 10052 // WSAENETRESET
		connReset   = 10054 // WSAECONNRESET: port unreachable
		hostUnreach = 10065 // WSAEHOSTUNREACH
	)
	switch errno {
	case msgSize, netUnreach, netReset, connReset, hostUnreach:
		return true
	}
	return false
}
