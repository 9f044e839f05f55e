package classic

// A Reason is what became of a message at the server. It is counted, never sent:
// the network learns of a refusal only that nothing comes back.
type Reason uint8

// The reasons, in the order of the checks.
const (
	ReasonChallenged  Reason = iota // message 2 was sent
	ReasonNotM1                     // neither a message 1 nor a question for the key
	ReasonKeyShown                  // the question for the key was answered
	ReasonM3Sealed                  // message 3 does not open or is malformed
	ReasonC1                        // its c1 is not ours
	ReasonC1Age                     // its c1 is from the future or too old
	ReasonPuzzle                    // its solutions are none
	ReasonM3Replayed                // its (n1, bind) was here before
	ReasonMoreWork                  // message 2 was sent again, with more work
	ReasonUnknownUser               // answered with a decoy
	ReasonCredentials               // answered with message 4
	ReasonM5Sealed                  // message 5 does not open or is malformed
	ReasonC2                        // its c2 is not ours
	ReasonC2Age                     // its c2 is from the future or too old
	ReasonC2Run                     // its c2 is of another connection, user or message 3
	ReasonM5Replayed                // its n2 was here before
	ReasonProof                     // the user's signature is wrong
	ReasonLoggedIn                  // the session begins
	ReasonOutOfTurn                 // a message that the run doesn't wait for
	ReasonUnavailable               // the store or the random source failed
)

var reasons = [...]string{
	"challenged", "not a first message", "key shown", "message 3 does not open", "challenge not ours",
	"challenge too old", "puzzle not solved", "message 3 replayed", "more work asked", "unknown user",
	"credentials sent", "message 5 does not open", "second challenge not ours", "second challenge too old",
	"second challenge of another run", "message 5 replayed", "proof of possession wrong", "logged in",
	"out of turn", "unavailable",
}

func (r Reason) String() string {
	if int(r) < len(reasons) {
		return reasons[r]
	}
	return "unknown"
}
