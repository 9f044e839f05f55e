package chat_test

import (
	"bytes"
	"fmt"

	"sotto/node/chat"
	"sotto/wire"
)

// Items travel as frames: each is written at once and read whole.
func Example() {
	var stream bytes.Buffer
	w := chat.NewWriter(&stream)
	w.Item(&wire.Request{Type: wire.RequestTypeLocate, Locate: wire.LocateRequest{Name: "Alice"}})
	fmt.Printf("% x\n", stream.Bytes())

	req, err := chat.ReadRequest(&stream, nil)
	fmt.Println(req.Locate.Name, err)
	// Output:
	// 00 00 07 02 05 41 6c 69 63 65
	// Alice <nil>
}
