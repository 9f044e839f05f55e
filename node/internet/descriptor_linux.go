package internet

import (
	"io"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// A descriptor is a UDP socket and the way in which its calls wait.
//
// The runtime's poller wakes a thread each time that a socket can be written to again,
// which a UDP socket can after every datagram that has left it. And it takes one call to
// hear of a datagram, one to get it, and one that fails before the next is waited for. So
// where a reader may have a thread for itself, it waits in the kernel for the datagram.
type descriptor struct {
	raw    syscall.RawConn
	file   io.Closer
	waits  bool // in the kernel; else it's for the runtime's poller to wait
	closed atomic.Bool
}

// maySpareThread reports whether a reader may wait in the kernel. On a single processor the
// runtime would take up to 10 ms to notice that it does.
func maySpareThread() bool { return runtime.GOMAXPROCS(0) > 1 }

// newDescriptor makes one of a socket. If it is to wait in the kernel the socket's place
// is taken by another descriptor of the same, and u is closed.
func newDescriptor(u *net.UDPConn, waits bool) (*descriptor, error) {
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, err
	}
	if !waits {
		return &descriptor{raw: raw, file: u}, nil
	}
	fd := -1
	if err := onSocket(raw, func(old int) (err error) {
		fd, err = unix.FcntlInt(uintptr(old), unix.F_DUPFD_CLOEXEC, 0)
		return err
	}); err != nil {
		return nil, err
	}
	// The poller leaves files alone that block. Which calls wait is said in each.
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "udp")
	if raw, err = file.SyscallConn(); err != nil {
		file.Close()
		return nil, err
	}
	u.Close()
	return &descriptor{raw: raw, file: file, waits: true}, nil
}

// read calls step until it is done, each time that something has arrived.
func (d *descriptor) read(step func(uintptr) bool) error { return d.outcome(d.raw.Read(step)) }

// write calls step until it is done, each time that there is room.
func (d *descriptor) write(step func(uintptr) bool) error { return d.outcome(d.raw.Write(step)) }

// outcome of a call: that of a closed socket is no other, whatever it says.
func (d *descriptor) outcome(err error) error {
	if d.closed.Load() {
		return net.ErrClosed
	}
	return err
}

// close ends the calls that wait.
func (d *descriptor) close() error {
	if d.closed.Swap(true) {
		return net.ErrClosed
	}
	if d.waits {
		onSocket(d.raw, func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RD) })
	}
	return d.file.Close()
}

// full is called when a socket has no room for what is to be sent. It reports whether it has
// waited; otherwise the poller has to.
func (d *descriptor) full(fd uintptr) bool {
	if d.waits {
		unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
	}
	return d.waits
}

// onSocket runs f on a socket.
func onSocket(raw syscall.RawConn, f func(fd int) error) error {
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}
