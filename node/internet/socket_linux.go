package internet

import (
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// prepare sets a socket up and says what it got. What a kernel doesn't know, or
// doesn't allow, we do without.
func prepare(fd int) (family int, got Features) {
	family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		family = unix.AF_INET6
	}
	got.Kernel = true
	got.ReceiveRuns = unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1) == nil
	_, err = unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	got.SendRuns = err == nil
	got.ReadBuffer = socketBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF)
	got.WriteBuffer = socketBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF)
	got.Whole = keepWhole(fd, family)
	// What routers say about congestion; a socket for both families is asked for both.
	err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVTOS, 1)
	got.Marks = err == nil
	if family == unix.AF_INET6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, 1)
		got.Marks = got.Marks && err == nil
	}
	return family, got
}

// keepWhole sees to it that packets are never cut on the way, and that the kernel's idea
// of the path MTU doesn't count: we find out by ourselves.
func keepWhole(fd, family int) bool {
	err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
	if err == nil && family == unix.AF_INET6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
	}
	return err == nil
}

// socketBuffer asks for socketBufferSize, as root beyond the system's limit and
// else up to it, unless there is more already. It returns what there is.
func socketBuffer(fd, force, ask int) int {
	// The kernel keeps, and reports, twice what was asked for, for its own records.
	have := func() int {
		n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, ask)
		if err != nil {
			return 0
		}
		return n / 2
	}
	if have() >= socketBufferSize {
		return have()
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, socketBufferSize) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, ask, socketBufferSize)
	}
	return have()
}

// Linux 7.0 to 7.1.4 spoil runs whose last datagram is as long as the others,
// with some drivers (tailscale #19777, #19918). There such a run gets one more
// datagram, which the receiver drops since it is too short for a packet. It is
// not shorter than what Ethernet carries unpadded: some network cards fail on
// that (tailscale #20994). A short run isn't worth it and goes singly.
const (
	oddTail   = 24
	minOddRun = 8
)

var oddTailBytes [oddTail]byte

// brokenEqualTails reports whether a kernel is one of those.
func brokenEqualTails(release string) bool {
	var v [3]int
	for i, s := range strings.SplitN(release, ".", 3) {
		if end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			s = s[:end]
		}
		v[i], _ = strconv.Atoi(s)
	}
	return v[0] == 7 && (v[1] == 0 || v[1] == 1 && v[2] <= 4)
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// overflow is how many datagrams a socket dropped for want of room, modulo 2^32.
func overflow(fd uintptr) uint64 {
	const drops = 8 // index of SK_MEMINFO_DROPS, which x/sys doesn't have
	var info [drops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return uint64(info[drops])
}

func recvmmsg(fd uintptr, headers []unix.Mmsghdr, flags int) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&headers[0])), uintptr(len(headers)), uintptr(flags), 0, 0)
	return int(n), errno
}

func sendmmsg(fd uintptr, headers []unix.Mmsghdr) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&headers[0])), uintptr(len(headers)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

func bytesOf[T any](p *T) *byte { return (*byte)(unsafe.Pointer(p)) }
