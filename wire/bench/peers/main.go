package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"sotto/wire/bench"
)

func main() {
	testing.Init()
	rounds := flag.Int("rounds", 6, "how often each case is measured")
	each := flag.String("time", "200ms", "for how long")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	if err := flag.Set("test.benchtime", *each); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	all := cases()
	runs := make([][]run, len(all))
	for range *rounds { // in rounds, so that a busy spell of the machine does not fall on one way only
		for i, c := range all {
			runs[i] = append(runs[i], measure(c))
		}
	}
	table(all, runs)
}

// cases returns all measurements, those of a message and an operation together.
func cases() []bench.Case {
	all := bench.Cases()
	all = append(all, protobuf("packet", newPacket(), &packet)...)
	all = append(all, protobuf("segment", newSegment(), &segment)...)
	all = append(all, protobuf("hello", newHello(), &hello)...)
	all = append(all, withGopacket()...)
	order := func(c bench.Case) int {
		return 10*slices.Index([]string{"packet", "segment", "hello"}, c.Message) + slices.Index([]string{"append", "marshal", "decode"}, c.Operation)
	}
	slices.SortStableFunc(all, func(a, b bench.Case) int { return cmp.Compare(order(a), order(b)) })
	return all
}

// A run is what one operation costs.
type run struct {
	ns            float64 // of processor time, which other programs disturb less than time on the clock
	bytes, allocs int64
}

func measure(c bench.Case) run {
	var used time.Duration
	r := testing.Benchmark(func(b *testing.B) {
		start := processorTime()
		c.Run(b)
		used = processorTime() - start
	})
	return run{float64(used.Nanoseconds()) / float64(r.N), r.AllocedBytesPerOp(), r.AllocsPerOp()}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func table(all []bench.Case, runs [][]run) {
	fmt.Println("| message | operation | way | ns: median | fastest | B/op | allocs/op | ratio: medians | fastest |")
	fmt.Println("|---|---|---|---:|---:|---:|---:|---:|---:|")
	var hand []run
	for i, c := range all {
		slices.SortFunc(runs[i], func(a, b run) int { return cmp.Compare(a.ns, b.ns) })
		if c.Way == "hand" {
			hand = runs[i]
		}
		fastest, median := runs[i][0], runs[i][len(runs[i])/2]
		fmt.Printf("| %s | %s | %s | %.1f | %.1f | %d | %d | %.2f | %.2f |\n", c.Message, c.Operation, c.Way,
			median.ns, fastest.ns, median.bytes, median.allocs, median.ns/hand[len(hand)/2].ns, fastest.ns/hand[0].ns)
	}
}
