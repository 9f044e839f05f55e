package client_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// leaked reports goroutines of ours that still run after all tests.
func leaked() int {
	var left []string
	for range 100 {
		buf := make([]byte, 1<<20)
		buf = buf[:runtime.Stack(buf, true)]
		left = left[:0]
		for _, g := range strings.Split(string(buf), "\n\n") {
			if strings.Contains(g, "sotto/node/") && !strings.Contains(g, "client_test.leaked") {
				left = append(left, g)
			}
		}
		if len(left) == 0 {
			return 0
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Fprintf(os.Stderr, "%d goroutines outlive the tests:\n%s\n", len(left), strings.Join(left, "\n\n"))
	return 1
}
