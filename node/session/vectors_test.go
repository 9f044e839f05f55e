package session_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite testdata/schedule.txtar")

// What follows is the key schedule as spec/channel.wire, RFC 9180, RFC 5869 and
// draft-connolly-cfrg-xwing-kem have it, written without a look at the package and with none
// of its code. It made testdata/schedule.txtar and checks that it still would.

func label(name string) []byte { return []byte("sotto/1 " + name + "\x00") }

func hash(name string, parts ...[]byte) []byte {
	h := sha256.New()
	h.Write(label(name))
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func extract(salt, secret []byte) []byte {
	m := hmac.New(sha256.New, salt)
	m.Write(secret)
	return m.Sum(nil)
}

func expand(prk, info []byte, size int) []byte {
	var out, last []byte
	for i := byte(1); len(out) < size; i++ {
		m := hmac.New(sha256.New, prk)
		m.Write(last)
		m.Write(info)
		m.Write([]byte{i})
		last = m.Sum(nil)
		out = append(out, last...)
	}
	return out[:size]
}

// An xwing is a private key.
type xwing struct {
	pq *mlkem.DecapsulationKey768
	x  *ecdh.PrivateKey
}

func newXWing(t *testing.T, seed []byte) xwing {
	t.Helper()
	s := sha3.NewSHAKE256()
	s.Write(seed)
	expanded := make([]byte, 96)
	s.Read(expanded)
	pq, err := mlkem.NewDecapsulationKey768(expanded[:64])
	if err != nil {
		t.Fatal(err)
	}
	x, err := ecdh.X25519().NewPrivateKey(expanded[64:])
	if err != nil {
		t.Fatal(err)
	}
	return xwing{pq, x}
}

// encapsulate draws an encapsulation. Only -update needs one.
func (k xwing) encapsulate(t *testing.T) []byte {
	t.Helper()
	_, c := k.pq.EncapsulationKey().Encapsulate()
	e, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return append(c, e.PublicKey().Bytes()...)
}

func (k xwing) decapsulate(t *testing.T, enc []byte) []byte {
	t.Helper()
	pq, err := k.pq.Decapsulate(enc[:1088])
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := ecdh.X25519().NewPublicKey(enc[1088:])
	if err != nil {
		t.Fatal(err)
	}
	shared, err := k.x.ECDH(theirs)
	if err != nil {
		t.Fatal(err)
	}
	h := sha3.New256()
	for _, b := range [][]byte{pq, shared, enc[1088:], k.x.PublicKey().Bytes(), {0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c}} {
		h.Write(b)
	}
	return h.Sum(nil)
}

// export is HPKE in base mode, suite MLKEM768-X25519, HKDF-SHA256, export only.
func export(shared, info, context []byte) []byte {
	suite := []byte{'H', 'P', 'K', 'E', 0x64, 0x7a, 0, 1, 0xff, 0xff}
	labeledExtract := func(salt []byte, l string, ikm []byte) []byte {
		return extract(salt, bytes.Join([][]byte{[]byte("HPKE-v1"), suite, []byte(l), ikm}, nil))
	}
	labeledExpand := func(prk []byte, l string, info []byte) []byte {
		return expand(prk, bytes.Join([][]byte{{0, 32}, []byte("HPKE-v1"), suite, []byte(l), info}, nil), 32)
	}
	keyContext := bytes.Join([][]byte{{0}, labeledExtract(nil, "psk_id_hash", nil), labeledExtract(nil, "info_hash", info)}, nil)
	exporter := labeledExpand(labeledExtract(shared, "secret", nil), "exp", keyContext)
	return labeledExpand(exporter, "sec", context)
}

func seal(t *testing.T, key, iv, aad, plain []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return gcm.Seal(nil, iv, plain, aad)
}

// A value is one entry of the file.
type value struct {
	name  string
	bytes []byte
}

// compute makes all values from the two encapsulations. The other inputs are made up here.
func compute(t *testing.T, ct1, ct2 []byte) (out []value) {
	t.Helper()
	add := func(name string, b []byte) []byte {
		out = append(out, value{name, b})
		return b
	}
	serverSeed := add("server seed", bytes.Repeat([]byte{1}, 32))
	eSeed := add("e seed", bytes.Repeat([]byte{2}, 32))
	server, e := newXWing(t, serverSeed), newXWing(t, eSeed)
	if ct1 == nil {
		ct1, ct2 = server.encapsulate(t), e.encapsulate(t)
	}
	add("ct1", ct1)
	add("ct2", ct2)
	conn := add("conn", bytes.Repeat([]byte{3}, 32))
	challenge := add("challenge", []byte("the bytes of B2"))
	serverID := add("server id", bytes.Repeat([]byte{4}, 32))
	head := add("head", []byte("the bytes of B3Head"))
	b3 := add("b3", []byte("all bytes of B3"))
	b4 := add("b4", []byte("all bytes of B4"))
	b5 := add("b5", []byte("all bytes of B5"))

	sealed := func(name string, prk []byte) {
		key := add(name+" key", expand(prk, label(name+" key"), 32))
		iv := add(name+" iv", expand(prk, label(name+" iv"), 12))
		add(name+" box", seal(t, key, iv, label(name), []byte(name)))
	}
	ss1 := add("ss1", export(server.decapsulate(t, ct1), label("channel first"), label("channel first")))
	t1 := add("t1", hash("channel t1", conn, hash("channel b2", challenge), serverID, hash("channel b3 head", head)))
	sealed("b3", add("prk1", extract(t1, ss1)))
	ss2 := add("ss2", export(e.decapsulate(t, ct2), label("channel second"), label("channel second")))
	t2 := add("t2", hash("channel t2", t1, hash("channel b3", b3), ct2))
	prk2 := add("prk2", extract(t2, append(bytes.Clone(ss1), ss2...)))
	sealed("b4", prk2)
	t3 := add("t3", hash("channel t3", t2, hash("channel b4", b4)))
	prk3 := add("prk3", extract(t3, add("second secret", expand(prk2, label("channel secret"), 32))))
	sealed("b5", prk3)
	t4 := add("t4", hash("channel t4", t3, hash("channel b5", b5)))
	prk4 := add("prk4", extract(t4, add("third secret", expand(prk3, label("channel secret"), 32))))
	add("c2s", expand(prk4, label("channel c2s"), 32))
	add("s2c", expand(prk4, label("channel s2c"), 32))
	add("id", expand(prk4, label("channel id"), 16))
	return out
}

const schedule = "testdata/schedule.txtar"

func TestScheduleVectors(t *testing.T) {
	var ct1, ct2 []byte
	if !*update {
		a, err := txtar.ParseFile(schedule)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			b, err := hex.DecodeString(strings.Join(strings.Fields(string(f.Data)), ""))
			switch {
			case err != nil:
				t.Fatal(err)
			case f.Name == "ct1":
				ct1 = b
			case f.Name == "ct2":
				ct2 = b
			}
		}
	}
	a := &txtar.Archive{Comment: []byte("All that the key schedule of spec/channel.wire makes of fixed inputs. prk3 and prk4 are\n" +
		"extracted from the second and the third secret; a box holds its own name.\n")}
	for _, v := range compute(t, ct1, ct2) {
		var lines strings.Builder
		for part := range slices.Chunk(v.bytes, 32) {
			fmt.Fprintf(&lines, "%x\n", part)
		}
		a.Files = append(a.Files, txtar.File{Name: v.name, Data: []byte(lines.String())})
	}
	if *update {
		if err := os.WriteFile(schedule, txtar.Format(a), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(schedule)
	if err != nil {
		t.Fatal(err)
	}
	if got := txtar.Format(a); !bytes.Equal(got, want) {
		t.Errorf("%s holds other values than the spec asks for", schedule)
	}
}
