package second

// The key schedule of the channel. Each step needs the one before it.

// A step has a transcript and the secret that goes with it.
type step struct{ t, prk []byte }

// A box seals one message.
func (s step) seal(name string, plain []byte) []byte {
	return gcm(expand(s.prk, name+" key", 32)).Seal(nil, expand(s.prk, name+" iv", 12), plain, label(name))
}

func (s step) open(name string, box []byte) ([]byte, error) {
	plain, err := gcm(expand(s.prk, name+" key", 32)).Open(nil, expand(s.prk, name+" iv", 12), box, label(name))
	if err != nil {
		return nil, errOpen
	}
	return plain, nil
}

func (s step) next() []byte { return expand(s.prk, "channel secret", 32) }

func step1(conn, b2, server, head, ss1 []byte) step {
	t := hashOf("channel t1", conn, hashOf("channel b2", b2), server, hashOf("channel b3 head", head))
	return step{t, extract(t, ss1)}
}

func step2(one step, b3, ct2, ss1, ss2 []byte) step {
	t := hashOf("channel t2", one.t, hashOf("channel b3", b3), ct2)
	return step{t, extract(t, cat(ss1, ss2))}
}

func step3(two step, b4 []byte) step {
	t := hashOf("channel t3", two.t, hashOf("channel b4", b4))
	return step{t, extract(t, two.next())}
}

func step4(three step, b5 []byte) step {
	t := hashOf("channel t4", three.t, hashOf("channel b5", b5))
	return step{t, extract(t, three.next())}
}

// The outcome of the schedule.
func (four step) c2s() []byte { return expand(four.prk, "channel c2s", 32) }
func (four step) s2c() []byte { return expand(four.prk, "channel s2c", 32) }
func (four step) id() []byte  { return expand(four.prk, "channel id", 16) }
