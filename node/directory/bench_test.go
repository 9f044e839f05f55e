package directory

import (
	"fmt"
	"sync"
	"testing"

	"sotto/node/keys"
	"sotto/wire"
)

// manyEntries are the first ones of 10,000 accounts with a device each. They share their
// keys, which costs a reader the same.
var manyEntries = sync.OnceValues(func() (*keys.Host, [][]byte) {
	var b testing.B
	host := newHost(&b)
	account, devices := newAccount(&b), []wire.Device{newDevice(&b, "laptop")}
	var leaves [][]byte
	for i := range 10_000 {
		e, err := Create(host.Realm(), fmt.Sprint("user-", i), account, devices, testNow)
		if err != nil {
			panic(err)
		}
		leaves = append(leaves, e.Bytes())
	}
	return host, leaves
})

// A new client reads a log of 10,000 leaves in one answer and checks all of it.
func BenchmarkTake10000Leaves(b *testing.B) {
	host, leaves := manyEntries()
	l := newLog(host)
	l.leaves, l.tree = leaves, treeOf(b, leaves)
	r := l.reply(b, 0, len(leaves))
	b.ReportAllocs()
	for b.Loop() {
		c := newClient(host, Own{})
		if _, err := c.TakeLeaves(ctx, c.Ask(), &r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(leaves)), "µs/leaf")
	b.ReportMetric(float64(r.Size())/float64(len(leaves)), "bytes/leaf")
}

// What a login costs each side with 10,000 leaves, when the client was away for the last hundred.
func BenchmarkLogin(b *testing.B) {
	host, leaves := manyEntries()
	l := newLog(host)
	l.leaves, l.tree = leaves, treeOf(b, leaves)
	key, head := host.Key(), l.head(b)
	old := rootOf(b, 9_900, l.tree)
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			l.head(b)
		}
	})
	b.Run("prove", func(b *testing.B) {
		for b.Loop() {
			l.proof(b, 9_900)
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if err := VerifyHead(&key, &head); err != nil {
				b.Fatal(err)
			}
		}
	})
	proof := l.proof(b, 9_900)
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			if err := CheckTree(&proof, 9_900, old, 10_000, head.Root); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkNext(b *testing.B) {
	_, leaves := manyEntries()
	e, err := Stored(leaves[0])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Next(e.Body().Realm, nil, leaves[0]); err != nil {
			b.Fatal(err)
		}
	}
}
