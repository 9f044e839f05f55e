package disk

import (
	"os"
	"syscall"
)

// KeepMemory keeps what this process holds in memory, keys and texts, out of every
// file: it leaves no core behind when it crashes, however cores are collected here,
// and other programs of the same user can't read its memory.
func KeepMemory() error {
	// The limit doesn't count where cores go to a program, the other does.
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return os.NewSyscallError("setrlimit", err)
	}
	if _, _, err := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); err != 0 {
		return os.NewSyscallError("prctl", err)
	}
	return nil
}
