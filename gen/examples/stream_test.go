package examples_test

import (
	"fmt"
	"io"
	"strings"

	"sotto/gen/examples"
	"sotto/wire/codec"
)

// Records come one behind the other on a connection, cut anywhere. The reader takes
// no byte that belongs to the next one.
func ExampleTlsRecord_stream() {
	alert := examples.TlsRecord{Type: examples.ContentTypeAlert, LegacyRecordVersion: 0x0303, OpaqueFragment: []byte{1, 0}}
	appData := examples.TlsRecord{Type: examples.ContentTypeApplicationData, LegacyRecordVersion: 0x0303, OpaqueFragment: []byte("sealed")}
	var sent []byte
	for _, r := range []*examples.TlsRecord{&appData, &appData, &alert} {
		var err error
		if sent, err = r.AppendBinary(sent); err != nil {
			panic(err)
		}
	}
	conn := strings.NewReader(string(sent))
	for {
		var record examples.TlsRecord
		if err := readMessage(conn, &record); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(&record)
	}
	// Output:
	// TlsRecord{type: application_data, legacy_record_version: 771, opaque_fragment: 7365616c6564}
	// TlsRecord{type: application_data, legacy_record_version: 771, opaque_fragment: 7365616c6564}
	// TlsRecord{type: alert, legacy_record_version: 771, opaque_fragment: 0100}
	// EOF
}

// readMessage reads one message from a stream.
func readMessage(r io.Reader, m interface{ Decode([]byte) (int, error) }) error {
	var buf []byte
	for {
		_, err := m.Decode(buf)
		more, ok := codec.Missing(err)
		if !ok {
			return err
		}
		have := len(buf)
		buf = append(buf, make([]byte, more)...)
		if _, err := io.ReadFull(r, buf[have:]); err != nil {
			return err
		}
	}
}
