package second

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
)

const (
	askLeaves         = 5
	askPublish        = 6
	askInvite         = 7
	askRegisterStart  = 8
	askRegisterFinish = 9
	askPasswordStart  = 10
	askPasswordFinish = 11
	askRotate         = 12
)

func frame(body []byte) []byte { return cat(u24(len(body)), body) }

// signalFrame is the first frame of a control stream.
func signalFrame(upTo uint64) []byte { return frame(cat([]byte{1}, u64(upTo))) }

// ask sends a request on a stream of its own and gives the reply.
func (o *outcome) ask(kind byte, body []byte) (*cryptobyte.String, error) {
	id, err := o.write(frame(cat([]byte{kind}, body)), true)
	if err != nil {
		return nil, err
	}
	reply, err := o.frame(id)
	if err != nil {
		return nil, err
	}
	if reply[0] != kind {
		return nil, fmt.Errorf("request %d refused with the code %d", kind, reply[1])
	}
	s := cryptobyte.String(reply[1:])
	return &s, nil
}

// log fetches all leaves, checks that they make the tree of the head, and
// gives the last entry of each account.
func (o *outcome) log(server serverKey) (map[string]*entry, treeHead, error) {
	last := map[string]*entry{}
	var hashes [][]byte
	for {
		s, err := o.ask(askLeaves, u64(uint64(len(hashes))))
		if err != nil {
			return nil, treeHead{}, err
		}
		head, err := readHead(s, server)
		if err != nil {
			return nil, treeHead{}, err
		}
		proof, ok := readProof(s)
		var leaves cryptobyte.String
		if !ok || !s.ReadUint24LengthPrefixed(&leaves) || !s.Empty() {
			return nil, treeHead{}, errDecode
		}
		for !leaves.Empty() {
			var raw cryptobyte.String
			if !leaves.ReadUint16LengthPrefixed(&raw) {
				return nil, treeHead{}, errDecode
			}
			e, err := decodeEntry(raw)
			if err != nil {
				return nil, treeHead{}, err
			}
			last[string(folded(e.user))] = e
			hashes = append(hashes, leafHash(raw))
		}
		so := treeHead{uint64(len(hashes)), rootOf(hashes)}
		if err := head.continues(so, proof); err != nil {
			return nil, treeHead{}, err
		}
		if so.leaves == head.leaves {
			return last, head, nil
		}
	}
}

// publish adds the device to the account's entry.
func (o *outcome) publish(l *login) (treeHead, error) {
	last, _, err := o.log(l.server)
	if err != nil {
		return treeHead{}, err
	}
	prev := last[string(folded(l.user))]
	if prev == nil || !bytes.Equal(prev.account, o.account.public()) {
		return treeHead{}, errors.New("the log shows other keys of the account than the password opens")
	}
	s, err := o.ask(askPublish, newEntry(l.server.realm, prev.user, prev, o.account, l.device.public(), o.now))
	if err != nil {
		return treeHead{}, err
	}
	return readHead(s, l.server)
}

// register makes an account with its first device.
func (o *outcome) register(l *login, user, password string, a *account, d *device) (treeHead, error) {
	b := blind([]byte(password), folded(user), l.server.realm)
	s, err := o.ask(askRegisterStart, cat(short(user), b.message))
	if err != nil {
		return treeHead{}, err
	}
	record, exportKey, err := b.register(*s)
	if err != nil {
		return treeHead{}, err
	}
	body := cat(record, a.wrap(l.server.realm, user, exportKey), newEntry(l.server.realm, user, nil, a, d.public(), o.now))
	if s, err = o.ask(askRegisterFinish, body); err != nil {
		return treeHead{}, err
	}
	return readHead(s, l.server)
}

// changePassword gives the account another password.
func (o *outcome) changePassword(l *login, password string) error {
	kept, err := o.newPassword(l, password, o.account)
	if err != nil {
		return err
	}
	_, err = o.ask(askPasswordFinish, kept)
	return err
}

// rotate gives the account other keys under a password.
func (o *outcome) rotate(l *login, password string, next *account) (treeHead, error) {
	last, _, err := o.log(l.server)
	if err != nil {
		return treeHead{}, err
	}
	kept, err := o.newPassword(l, password, next)
	if err != nil {
		return treeHead{}, err
	}
	prev := last[string(folded(l.user))]
	s, err := o.ask(askRotate, cat(kept, rotatedEntry(l.server.realm, prev, o.account, next, o.now)))
	if err != nil {
		return treeHead{}, err
	}
	return readHead(s, l.server)
}

// newPassword registers a password, and gives the record and the wrapped account.
func (o *outcome) newPassword(l *login, password string, a *account) ([]byte, error) {
	b := blind([]byte(password), folded(l.user), l.server.realm)
	s, err := o.ask(askPasswordStart, b.message)
	if err != nil {
		return nil, err
	}
	record, exportKey, err := b.register(*s)
	if err != nil {
		return nil, err
	}
	return cat(record, a.wrap(l.server.realm, l.user, exportKey)), nil
}
