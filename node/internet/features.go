package internet

// socketBufferSize is what we ask the kernel for, in both directions: what arrives
// in 50 ms at a gigabit a second.
const socketBufferSize = 7 << 20

// Features says what a PacketIO got from the machine.
type Features struct {
	SendRuns    bool // an Out is one message to the kernel, which cuts it (UDP_SEGMENT)
	ReceiveRuns bool // the kernel merges what comes in (UDP_GRO)
	Kernel      bool // the socket is one of this machine, and no simulation
	Marks       bool // datagrams are sent with the Mark that they shall have, and received with theirs
	Whole       bool // datagrams are never cut on the way, so that a path's MTU can be found
	ReadBuffer  int  // bytes that the kernel keeps for us; 0: not known
	WriteBuffer int
}

// Drops counts the datagrams that the kernel dropped.
type Drops struct {
	Overflow uint64 // received, but no room was left in the socket's buffer
	Refused  uint64 // not sent: nobody there, no way, or too long
}

// DropsOf says what a PacketIO has lost, as far as the machine tells.
func DropsOf(p PacketIO) Drops {
	if d, ok := p.(interface{ drops() Drops }); ok {
		return d.drops()
	}
	return Drops{}
}

// FeaturesOf says what a PacketIO has to work with.
func FeaturesOf(p PacketIO) Features {
	if f, ok := p.(interface{ features() Features }); ok {
		return f.features()
	}
	return Features{}
}
