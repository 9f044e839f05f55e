module sotto/wire/bench/peers

go 1.26.0

require (
	github.com/gopacket/gopacket v1.7.7
	google.golang.org/protobuf v1.36.12
	sotto v0.0.0
)

require golang.org/x/crypto v0.58.0 // indirect

replace sotto => ../../..
