package channel

// A Reason is what became of a message at the server. It is counted, never sent:
// the network learns of a refusal only that nothing comes back.
type Reason uint8

// The reasons, in the order of the checks.
const (
	ReasonChallenged   Reason = iota // B2 was sent
	ReasonNotB1                      // neither a B1 nor a question for the server's keys
	ReasonHistoryShown               // a part of the server's keys was shown
	ReasonB3                         // B3 is malformed
	ReasonC1                         // its c1 is not ours
	ReasonC1Age                      // its c1 is from the future or too old
	ReasonPuzzle                     // its solutions are none
	ReasonB3Replayed                 // its (n1, bind) was here before
	ReasonMoreWork                   // B2 was sent again, with more work
	ReasonB3Sealed                   // its box does not open, or holds what it must not
	ReasonB3Keys                     // its keys are none
	ReasonUserLimit                  // too many guesses at the password of its user
	ReasonUnknown                    // answered for a user or a device that doesn't exist
	ReasonAnswered                   // answered with B4
	ReasonB5Sealed                   // B5 does not open
	ReasonB5                         // what it holds is malformed, or of another kind
	ReasonProof                      // the proof of the password or the device is wrong
	ReasonInvitation                 // the invitation is not ours, was used, or has expired
	ReasonLoggedIn                   // the session begins
	ReasonOutOfTurn                  // a message that the run doesn't wait for
	ReasonUnavailable                // the store or the random source failed
)

var reasons = [...]string{
	"challenged", "not a first message", "keys shown", "malformed claim", "challenge not ours",
	"challenge too old", "puzzle not solved", "claim replayed", "more work asked", "claim does not open",
	"keys of the claim are none", "too many guesses at a user", "unknown user or device", "answered",
	"proof does not open", "malformed proof", "proof wrong", "invitation not valid", "logged in",
	"out of turn", "unavailable",
}

func (r Reason) String() string {
	if int(r) < len(reasons) {
		return reasons[r]
	}
	return "unknown"
}
