package opaque

import (
	"crypto/subtle"

	"sotto/wire"
)

// choose returns the record, or for nil a fake one. The fake one is made in any case,
// and which of them it is takes the same time.
//
// A fake record always is the same for the same name, though nobody could tell: what
// a client sees of a record is masked under its masking key with a fresh nonce.
func (s *Server) choose(record *wire.OpaqueRecord, credentialID []byte) (*wire.OpaqueRecord, error) {
	fake := wire.OpaqueRecord{ClientPublicKey: s.fake}
	if err := s.expand(credentialID, labelFakeKey, fake.MaskingKey[:]); err != nil {
		return nil, err
	}
	known := 1
	if record == nil {
		known, record = 0, new(wire.OpaqueRecord)
	}
	for _, c := range []struct{ fake, real []byte }{
		{fake.ClientPublicKey[:], record.ClientPublicKey[:]},
		{fake.MaskingKey[:], record.MaskingKey[:]},
		{fake.Envelope.EnvelopeNonce[:], record.Envelope.EnvelopeNonce[:]},
		{fake.Envelope.AuthTag[:], record.Envelope.AuthTag[:]},
	} {
		subtle.ConstantTimeCopy(known, c.fake, c.real)
	}
	return &fake, nil
}
