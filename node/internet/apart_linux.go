package internet

import (
	"context"
	"net"
	"runtime"

	"golang.org/x/sys/unix"
)

// apartBuffer is how much of what strangers send the kernel keeps for us: some 1,800
// first packets. Few of 50,000 a second get lost when their reader has to let others go first for
// 30 ms, and no honest one waits for much longer than that.
const apartBuffer = 2 << 20

// destinationAt is the place of a packet's destination, which is 0 while its sender
// doesn't know any.
const destinationAt = 1

// Apart opens one more socket at the address of socks, and has the kernel put there
// the packets without a destination: those of strangers. However many there are,
// they neither fill the queues of the others nor delay what is in them. The rest is
// spread over socks by destination. It is called before socks are given to NewPacketIO.
// Apart returns nil where that can't be had; socks get everything then.
func Apart(socks []net.PacketConn) PacketIO {
	for _, s := range socks {
		if share(s) != nil {
			return nil
		}
	}
	network := "udp"
	if raw, err := socks[0].(*net.UDPConn).SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { network = networkOf(int(fd)) })
	}
	config := net.ListenConfig{Control: sharing}
	s, err := config.ListenPacket(context.Background(), network, socks[0].LocalAddr().String())
	if err != nil {
		return nil
	}
	u := s.(*net.UDPConn)
	raw, err := u.SyscallConn()
	if err != nil {
		u.Close()
		return nil
	}
	got, family := Features{Kernel: true}, 0
	err = onSocket(raw, func(fd int) (err error) {
		if family, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err != nil {
			return err
		}
		got.Whole = keepWhole(fd, family)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, apartBuffer)
		got.WriteBuffer = socketBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF)
		return steer(fd, len(socks))
	})
	if err != nil {
		u.Close()
		return nil
	}
	d, err := newDescriptor(u, maySpareThread())
	if err != nil {
		u.Close()
		return nil
	}
	return makeBatched(d, unmap(addrPort(u.LocalAddr())), family, got)
}

// steer makes the kernel choose among n sockets and the one that came after them.
func steer(fd, n int) error {
	const high, low = destinationAt, destinationAt + 4
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: high},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0, Jf: 2},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: low},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0, Jt: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: low},
		{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: uint32(n)},
		{Code: unix.BPF_RET | unix.BPF_A},
		{Code: unix.BPF_RET | unix.BPF_K, K: uint32(n)},
	}
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	runtime.KeepAlive(program)
	return err
}

// networkOf is the network of a socket as package net calls it.
func networkOf(fd int) string {
	if family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil && family == unix.AF_INET {
		return "udp4"
	}
	if only, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY); err == nil && only == 0 {
		return "udp" // for a wildcard: both families
	}
	return "udp6"
}
