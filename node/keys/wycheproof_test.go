package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
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
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type group struct {
	PrivateKey struct{ Modulus, PrivateExponent, Prime1, Prime2 hexBytes }
	PublicKey  struct{ Modulus hexBytes }
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
