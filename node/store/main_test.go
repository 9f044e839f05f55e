package store

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
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
