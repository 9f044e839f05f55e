package directory

import (
	"errors"

	"sotto/wire"
)

// ErrKeyChanged says that a person's key is not the accepted one.
var ErrKeyChanged = errors.New("the key has changed and was not accepted")

// A Pin is what a client keeps of one person: trust at first use, and nothing
// without a question after that. The zero value knows no key.
type Pin struct {
	Key     wire.KeyId // the accepted one
	Changed wire.KeyId // another one that was seen since; zero if there is none
}

// See takes note of the key that a manifest shows. It reports whether that is
// news to be shown as an alarm.
func (p *Pin) See(key wire.KeyId) (alarm bool) {
	switch key {
	case p.Key:
		p.Changed = wire.KeyId{}
		return false
	case p.Changed:
		return false
	}
	if p.Key == (wire.KeyId{}) {
		p.Key = key
		return false
	}
	p.Changed = key
	return true
}

// Check returns ErrKeyChanged while a changed key waits: nothing is sent then, nor
// believed.
func (p *Pin) Check() error {
	if p.Changed != (wire.KeyId{}) {
		return ErrKeyChanged
	}
	return nil
}

// Accept makes the changed key the pinned one. It must be the one the user saw.
func (p *Pin) Accept(key wire.KeyId) error {
	if key == (wire.KeyId{}) || key != p.Changed {
		return ErrKeyChanged
	}
	*p = Pin{Key: key}
	return nil
}
