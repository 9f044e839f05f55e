package channel

import (
	"time"

	"sotto/node/keys"
	"sotto/node/session"
	"sotto/wire"
)

// takeB5 checks the proof of who logs in, and begins the session.
func (r *Run) takeB5(now time.Time, msg []byte) (*session.Secrets, error) {
	var b5 wire.B5
	if b5.UnmarshalBinary(msg) != nil {
		return nil, r.drop(now, ReasonB5Sealed)
	}
	plain, err := r.third.Open(b5.Box)
	if err != nil {
		return nil, r.drop(now, ReasonB5Sealed)
	}
	var box wire.B5Box
	if box.UnmarshalBinary(plain) != nil || box.Kind != r.kind {
		return nil, r.refuse(now, ReasonB5)
	}
	peer := &Peer{TreeSize: box.TreeSize}
	var why Reason
	switch box.Kind {
	case wire.LoginKindPassword:
		why = r.checkPassword(now, &box.Password, peer)
	case wire.LoginKindDevice:
		why = r.checkDevice(&box.Device, peer)
	case wire.LoginKindAnonymous:
		why = r.checkInvitation(now, &box.Anonymous, peer)
	}
	if why != ReasonLoggedIn {
		return nil, r.refuse(now, why)
	}
	done := r.third.Done(msg)
	defer done.Clear()
	peer.Session = done.ID()
	r.peer = peer
	r.server.count(why)
	r.Clear()
	return done.Dialled(), nil
}

// checkPassword checks the proof of a password, that the account, which only the
// password brings to light, has signed for the device, and that the device is there.
func (r *Run) checkPassword(now time.Time, p *wire.PasswordProof, peer *Peer) Reason {
	if _, err := r.pending.Finish(&p.Ke3); err != nil || r.account == nil {
		return ReasonProof
	}
	r.server.demand.Proved(now, r.from.Addr(), r.user)
	device := keys.DeviceId(&p.Device)
	body, err := proof(r.third.T3(), device, r.user)
	if err != nil {
		return ReasonUnavailable
	}
	// Whether they are keys at all, the log checks when they are entered.
	if keys.VerifyEd(labelEnrol, r.account.Sign, body, &p.Sig) != nil ||
		keys.VerifyEd(labelEnrolDevice, p.Device.Sign, body, &p.DeviceSig) != nil {
		return ReasonProof
	}
	peer.User, peer.Device, peer.DeviceKeys, peer.Scope = r.account.Record.Name, device, &p.Device, wire.SessionScopeEnrol
	peer.Record = r.account.Record
	if _, known := r.account.Devices[device]; known {
		peer.Scope = wire.SessionScopeFull
	}
	return ReasonLoggedIn
}

// checkDevice checks the signature of a device.
func (r *Run) checkDevice(p *wire.DeviceProof, peer *Peer) Reason {
	body, err := proof(r.third.T3(), r.device, r.user)
	if err != nil {
		return ReasonUnavailable
	}
	if keys.VerifyEd(labelDeviceLogin, r.verify, body, &p.Sig) != nil || !r.known {
		return ReasonProof
	}
	peer.User, peer.Device, peer.Scope = r.account.Record.Name, r.device, wire.SessionScopeFull
	return ReasonLoggedIn
}

// checkInvitation checks who made an invitation, and that it has made no account. Both are
// looked at in any case, so that a used one takes the time of one that was never there. That
// two who have it at once make one account is for those to see to who make accounts.
func (r *Run) checkInvitation(now time.Time, in *wire.Invitation, peer *Peer) Reason {
	var spent bool
	if r.server.cfg.Spent != nil {
		var err error
		if spent, err = r.server.cfg.Spent(in); err != nil {
			return ReasonUnavailable
		}
	}
	if r.server.cfg.Host.CheckInvitation(now, in) != nil || spent {
		return ReasonInvitation
	}
	peer.Invitation, peer.Scope = in, wire.SessionScopeRegister
	return ReasonLoggedIn
}
