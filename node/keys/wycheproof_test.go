package keys

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/mlkem"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sotto/wire"
)

// vectors are the published test vectors of C2SP/wycheproof, which lie beside the
// checkout on some machines.
const vectors = "../../../shared/security-vectors/wycheproof"

// A vector has the fields of all kinds of them.
type vector struct {
	TcID                 int
	Comment, Result      string
	Msg, Ct, Label, Sig  hexBytes
	Key, Iv, Aad, Tag    hexBytes
	Ikm, Salt, Info, Okm hexBytes
	Size                 int

	Seed, Ek, C, K          hexBytes
	Public, Private, Shared hexBytes
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type group struct {
	PrivateKey struct{ Modulus, PrivateExponent, Prime1, Prime2 hexBytes }
	PublicKey  struct{ Modulus, Pk hexBytes }
	Tests      []vector
}

// groups reads a file, or skips the test where it isn't there.
func readGroups(t *testing.T, file string) []group {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectors, file))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the vectors are not on this machine")
	}
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ TestGroups []group }
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all.TestGroups
}

// each runs all vectors of a file and counts that there were some of both results.
func each(t *testing.T, file string, accepts func(g *group, v *vector) bool) {
	results := make(map[bool]int)
	for _, g := range readGroups(t, file) {
		for _, v := range g.Tests {
			want := v.Result == "valid"
			if got := accepts(&g, &v); got != want {
				t.Errorf("%s %d (%s): accepted = %v, want %v", file, v.TcID, v.Comment, got, want)
			}
			results[want]++
		}
	}
	if results[true] == 0 || results[false] == 0 {
		t.Errorf("%s: results = %v", file, results)
	}
}

func fixed(t *testing.T, b []byte) (m wire.Rsa) {
	t.Helper()
	new(big.Int).SetBytes(b).FillBytes(m[:])
	return m
}

func TestWycheproofOAEP(t *testing.T) {
	var id *Identity
	each(t, "rsa_oaep_3072_sha256_mgf1sha256_test.json", func(g *group, v *vector) bool {
		if id == nil {
			k := wire.PrivateKey{Modulus: fixed(t, g.PrivateKey.Modulus)}
			new(big.Int).SetBytes(g.PrivateKey.Prime1).FillBytes(k.P[:])
			new(big.Int).SetBytes(g.PrivateKey.Prime2).FillBytes(k.Q[:])
			new(big.Int).SetBytes(g.PrivateKey.PrivateExponent).FillBytes(k.D[:])
			var err error
			if id, err = NewIdentity(&k); err != nil {
				t.Fatal(err)
			}
		}
		if len(v.Ct) != 384 {
			return false // has no place in a Sealed
		}
		got, err := id.decrypt(v.Label, v.Ct)
		return err == nil && bytes.Equal(got, v.Msg)
	})
}

func TestWycheproofPSS(t *testing.T) {
	each(t, "rsa_pss_3072_sha256_mgf1_32_test.json", func(g *group, v *vector) bool {
		key, err := NewPublicKey(fixed(t, g.PublicKey.Modulus))
		if err != nil {
			t.Fatal(err)
		}
		return key.verify(sha256.Sum256(v.Msg), v.Sig) == nil
	})
}

func TestWycheproofGCM(t *testing.T) {
	each(t, "aes_gcm_test.json", func(_ *group, v *vector) bool {
		if len(v.Key) != 32 || len(v.Iv) != 12 || len(v.Tag) != TagSize {
			return v.Result == "valid" // not of our shape
		}
		once := NewOnceKey([32]byte(v.Key), [12]byte(v.Iv))
		got, err := once.Open(v.Aad, append(bytes.Clone(v.Ct), v.Tag...))
		if err == nil && !bytes.Equal(once.Seal(v.Aad, v.Msg), append(bytes.Clone(v.Ct), v.Tag...)) {
			t.Errorf("%d: seals to something else", v.TcID)
		}
		return err == nil && bytes.Equal(got, v.Msg)
	})
}

func TestWycheproofHKDF(t *testing.T) {
	each(t, "hkdf_sha256_test.json", func(_ *group, v *vector) bool {
		if v.Size > 255*sha256.Size {
			return false // nobody asks for that much
		}
		out := make([]byte, v.Size)
		expand(Extract(v.Ikm, v.Salt), string(v.Info), out)
		return bytes.Equal(out, v.Okm)
	})
}

func TestWycheproofEd25519(t *testing.T) {
	each(t, "ed25519_test.json", func(g *group, v *vector) bool {
		if len(v.Sig) != len(wire.EdSignature{}) {
			return false // has no place in an EdSignature
		}
		return verifyEd(wire.VerifyKey(g.PublicKey.Pk), v.Msg, (*wire.EdSignature)(v.Sig)) == nil
	})
}

// The two parts of X-Wing come from different files; a vector of either is tried
// with a sound other half. Attack 42: keys with coefficients that aren't reduced.
func TestWycheproofMLKEMKeys(t *testing.T) {
	refused := 0
	for _, g := range readGroups(t, "mlkem_768_encaps_test.json") {
		for _, v := range g.Tests {
			if len(v.Ek) != mlkem.EncapsulationKeySize768 {
				continue // has no place in a SealingKey
			}
			key := wire.SealingKey(append(bytes.Clone(v.Ek), x25519Base...))
			_, _, err := Encapsulate(&key, labelA)
			if want := v.Result == "valid"; (err == nil) != want || (CheckSealingKey(&key) == nil) != want {
				t.Errorf("%d (%s): error = %v", v.TcID, v.Comment, err)
			}
			if err != nil {
				refused++
			}
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
}

// x25519Base is the x-coordinate 9: as good a public key as any.
var x25519Base = append([]byte{9}, make([]byte, 31)...)

func TestWycheproofMLKEM(t *testing.T) {
	each(t, "mlkem_768_test.json", func(_ *group, v *vector) bool {
		if len(v.C) != mlkem.CiphertextSize768 || len(v.Seed) != mlkem.SeedSize {
			return false // has no place in an Encapsulation, or can't come of a Seed
		}
		x, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{7}, 32))
		if err != nil {
			t.Fatal(err)
		}
		got, err := decapsulate(t, v.Seed, x, append(bytes.Clone(v.C), x25519Base...))
		return err == nil && got == exported(v.K, sharedX25519(t, x, x25519Base), x25519Base, x.PublicKey().Bytes())
	})
}

// Public keys that lead to a shared secret of zero are refused, all others give the
// secret that is expected.
func TestWycheproofX25519(t *testing.T) {
	refused := 0
	for _, g := range readGroups(t, "x25519_test.json") {
		for _, v := range g.Tests {
			x, err := ecdh.X25519().NewPrivateKey(v.Private)
			if err != nil {
				t.Fatal(err)
			}
			seed := bytes.Repeat([]byte{5}, mlkem.SeedSize)
			dk, err := mlkem.NewDecapsulationKey768(seed)
			if err != nil {
				t.Fatal(err)
			}
			k, c := dk.EncapsulationKey().Encapsulate()
			got, err := decapsulate(t, seed, x, append(c, v.Public...))
			zero := bytes.Equal(v.Shared, make([]byte, 32))
			switch {
			case zero && err == nil:
				t.Errorf("%d (%s): accepted", v.TcID, v.Comment)
			case zero:
				refused++
				key := wire.SealingKey(append(dk.EncapsulationKey().Bytes(), v.Public...))
				if _, _, err := Encapsulate(&key, labelA); err == nil {
					t.Errorf("%d (%s): sealed to", v.TcID, v.Comment)
				}
			case err != nil || got != exported(k, v.Shared, v.Public, x.PublicKey().Bytes()):
				t.Errorf("%d (%s): another secret, or %v", v.TcID, v.Comment, err)
			}
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
}

// decapsulate opens an encapsulation with a key of the two parts.
func decapsulate(t *testing.T, seed []byte, x *ecdh.PrivateKey, enc []byte) ([32]byte, error) {
	t.Helper()
	dk, err := mlkem.NewDecapsulationKey768(seed)
	if err != nil {
		t.Fatal(err)
	}
	private, err := hpke.NewHybridPrivateKey(dk, x)
	if err != nil {
		t.Fatal(err)
	}
	return (&Sealer{private: private}).Decapsulate(labelA, (*wire.Encapsulation)(enc))
}

func sharedX25519(t *testing.T, x *ecdh.PrivateKey, public []byte) []byte {
	t.Helper()
	p, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := x.ECDH(p)
	if err != nil {
		t.Fatal(err)
	}
	return shared
}

// exported is what Decapsulate must return, made from the shared secrets of both parts as
// draft-connolly-cfrg-xwing-kem and RFC 9180 have it.
func exported(pq, shared, ct, pk []byte) [32]byte {
	h := sha3.New256()
	for _, b := range [][]byte{pq, shared, ct, pk, []byte(`\.//^\`)} {
		h.Write(b)
	}
	return exportSecret(h.Sum(nil), labelA.Bytes())
}

// exportSecret is the key schedule of HPKE in base mode with HKDF-SHA256 and no AEAD, and the
// export of 32 bytes, info and context being the same.
func exportSecret(secret, info []byte) [32]byte {
	suite := []byte("HPKE\x64\x7a\x00\x01\xff\xff")
	extract := func(salt []byte, label string, ikm []byte) []byte {
		return Extract(slices.Concat([]byte("HPKE-v1"), suite, []byte(label), ikm), salt)
	}
	expanded := func(prk []byte, label string, info []byte) (out [32]byte) {
		expand(prk, string(slices.Concat([]byte{0, 32}, []byte("HPKE-v1"), suite, []byte(label), info)), out[:])
		return out
	}
	known := slices.Concat([]byte{0}, extract(nil, "psk_id_hash", nil), extract(nil, "info_hash", info))
	exporter := expanded(extract(secret, "secret", nil), "exp", known)
	return expanded(exporter[:], "sec", info)
}
