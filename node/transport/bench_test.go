package transport

import (
	"context"
	"io"
	"testing"
	"time"
)

// BenchmarkLatency is a request and response of 64 bytes.
func BenchmarkLatency(b *testing.B) {
	client, server := realPair(b)
	serveEcho(b, server)
	c, err := client.Dial(context.Background(), server.LocalAddr(), &toyInitiator{})
	if err != nil {
		b.Fatal(err)
	}
	s, err := c.OpenStream(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 64)
	b.ReportAllocs()
	cpu := cpuTime()
	for b.Loop() {
		if _, err := s.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(s, buf); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(server.Counters().Received)/float64(b.N), "packets/op")
}

// BenchmarkBulk sends one way on one stream.
func BenchmarkBulk(b *testing.B) {
	client, server := realPair(b)
	dialled, accepted := connect(b, client, server, &toyInitiator{})
	s, err := dialled.OpenStream(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan int64)
	go func() {
		in, err := accepted.AcceptStream(context.Background())
		if err != nil {
			done <- -1
			return
		}
		n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{in}, make([]byte, 256<<10))
		done <- n
	}()
	buf := make([]byte, 64<<10)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	cpu := cpuTime()
	for b.Loop() {
		if _, err := s.Write(buf); err != nil {
			b.Fatal(err)
		}
	}
	s.Close()
	b.ReportMetric((cpuTime()-cpu).Seconds()/float64(b.N)/float64(len(buf))*(1<<30), "cpu-s/GiB")
	if out := client.Counters(); out.Sent > 0 {
		b.ReportMetric(float64(server.Counters().Received)/float64(out.Sent), "packets/send")
		b.ReportMetric(float64(client.Counters().Received)/float64(server.Counters().Received), "acks/packet")
	}
	if n := <-done; n != int64(b.N)*int64(len(buf)) {
		b.Fatalf("%d bytes arrived, want %d", n, int64(b.N)*int64(len(buf)))
	}
}

// BenchmarkConnect is a handshake of the login's flow with toy cryptography, one
// byte there and back, and a close.
func BenchmarkConnect(b *testing.B) {
	client, server := realPair(b)
	serveEcho(b, server)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b.ReportAllocs()
	cpu := cpuTime()
	defer func() { b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op") }()
	for b.Loop() {
		c, err := client.Dial(ctx, server.LocalAddr(), &toyInitiator{size: 1000})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := roundTrip(ctx, c, []byte{1}); err != nil {
			b.Fatal(err)
		}
		c.CloseWithCode(0, "")
	}
}
