module sotto/node/transport/bench

go 1.26.0

require (
	github.com/quic-go/quic-go v0.65.0
	sotto v0.0.0
)

require (
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace sotto => ../../..
