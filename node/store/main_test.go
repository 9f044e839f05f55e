package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"syscall"
	"testing"
	"time"
)

// TestMain also plays the processes that the crash tests kill, and fails if a
// goroutine is left behind.
func TestMain(m *testing.M) {
	if dir := os.Getenv("STORE_TEST_CRASH"); dir != "" {
		crashChild(dir)
	}
	if dir := os.Getenv("STORE_TEST_FILE_LIMIT"); dir != "" {
		fileLimitChild(dir)
	}
	before := runtime.NumGoroutine()
	code := m.Run()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			os.Exit(code)
		}
		time.Sleep(10 * time.Millisecond) // they are on their way out
	}
	var stacks bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&stacks, 1)
	fmt.Printf("goroutines left behind:\n%s", &stacks)
	os.Exit(max(code, 1))
}

// stateDir is a place for a state folder: in memory where the machine has
// enough of it, as these tests flush thousands of times and none of them cuts
// the power.
func stateDir(t testing.TB) string {
	const memory = "/dev/shm"
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memory, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < 1<<30 {
		return filepath.Join(t.TempDir(), "state")
	}
	dir, err := os.MkdirTemp(memory, "sotto-store-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "state")
}
