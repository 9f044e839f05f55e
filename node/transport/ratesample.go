package transport

// appLimited says that the application has nothing more to send: the rate at which
// what is under way now arrives says little about the path, and so does that of the
// first packet after a pause.
func (r *recovery) appLimited() {
	r.appLimitUntil = r.delivered + int64(r.sent.inFlight) + 1
}
