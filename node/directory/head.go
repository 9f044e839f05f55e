package directory

import (
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sotto/node/keys"
	"sotto/wire"
)

// ErrHead says that a tree head is not signed by the server, or is none.
var ErrHead = errors.New("the head of the log is not signed by this server")

// MaxLeaves is how many leaves a log can have.
const MaxLeaves = 1 << 40

// SignHead signs the head of the tree over the first size leaves.
func SignHead(server *keys.Signer, realm wire.Realm, size uint64, hashes tlog.HashReader) (wire.TreeHead, error) {
	root, err := Root(size, hashes)
	if err != nil {
		return wire.TreeHead{}, fmt.Errorf("sign tree head: %w", err)
	}
	head := wire.TreeHead{Leaves: size, Root: root}
	head.Sig, err = server.SignText(headText(realm, &head))
	if err != nil {
		return wire.TreeHead{}, fmt.Errorf("sign tree head: %w", err)
	}
	return head, nil
}

// VerifyHead returns ErrHead unless the server has signed the head.
func VerifyHead(server *wire.ServerKey, head *wire.TreeHead) error {
	if !possible(head) || keys.VerifyText(server.Sign, headText(server.Realm, head), &head.Sig) != nil {
		return ErrHead
	}
	return nil
}

// possible reports whether a head can be that of a tree. Larger sizes are not only
// absurd: the arithmetic of tlog ends before 2^63.
func possible(head *wire.TreeHead) bool {
	return head.Leaves <= MaxLeaves && (head.Leaves > 0 || head.Root == emptyRoot)
}

// origin is the first line of what is signed.
func origin(realm wire.Realm) string { return "sotto/1 log " + hex.EncodeToString(realm[:]) }

func headText(realm wire.Realm, head *wire.TreeHead) []byte {
	return fmt.Appendf(nil, "%s\n%d\n%v\n", origin(realm), head.Leaves, tlog.Hash(head.Root))
}

// Note returns a head as a note that others can verify who know nothing of Sotto, with
// the key for that, in the formats of golang.org/x/mod/sumdb/note.
func Note(server *wire.ServerKey, head *wire.TreeHead) (text []byte, key string, err error) {
	if err := VerifyHead(server, head); err != nil {
		return nil, "", err
	}
	key, err = note.NewEd25519VerifierKey("sotto-log-"+hex.EncodeToString(server.Realm[:]), server.Sign[:])
	if err != nil {
		return nil, "", fmt.Errorf("tree head as a note: %w", err)
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, "", fmt.Errorf("tree head as a note: %w", err)
	}
	text, err = note.Sign(&note.Note{Text: string(headText(server.Realm, head))}, signature{verifier, head.Sig})
	if err != nil {
		return nil, "", fmt.Errorf("tree head as a note: %w", err)
	}
	return text, key, nil
}

// A signature is a note.Signer for one text that is signed already.
type signature struct {
	note.Verifier // for the name and the hash of the key
	sig           wire.EdSignature
}

func (s signature) Sign([]byte) ([]byte, error) { return s.sig[:], nil }
