package gen_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sotto/gen"
	"sotto/gen/diag"
	"sotto/gen/types"
)

// rfcSources names a folder with the sources of RFCs as their working groups keep
// them: rfc9420.md of github.com/mlswg/mls-protocol and rfc9846.md of
// github.com/tlswg/tls13-spec. They are not ours to keep here.
const rfcSources = "RFC_SOURCES"

// rfcText reads one of them.
func rfcText(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv(rfcSources)
	if dir == "" {
		t.Skip(rfcSources + " names no folder")
	}
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRFC9420 compiles every block of the RFC on MLS as it stands there, together
// with what testdata/rfc adds, and builds the result.
func TestRFC9420(t *testing.T) {
	blocks := fenced(rfcText(t, "rfc9420.md"), "tls-presentation")
	p, sources := compileRFC(t, blocks, 48, "rfc9420")

	// Labels are looked up in the selector's own enum only. ResumptionPSKUsage has a
	// reinit as well, and it is 2.
	if got := arm(t, p, "Proposal", "reinit"); got != 5 {
		t.Errorf("reinit of a Proposal is %d, want 5", got)
	}
	if got := p.Lookup("ResumptionPSKUsage").(*types.Enum).Find("reinit").Value; got != 2 {
		t.Errorf("reinit of a ResumptionPSKUsage is %d, want 2", got)
	}
	params(t, p, map[string]string{
		"FramedContentAuthData":        "FramedContent.content_type",
		"AuthenticatedContent":         "", // its content has one
		"PublicMessage":                "",
		"PrivateMessageContent":        "PrivateMessage.content_type length_of_padding",
		"FramedContentTBS":             "",
		"MLSMessage":                   "",
		"ConfirmedTranscriptHashInput": "",
	})
	buildGo(t, "rfc9420", sources, "")
}

// TestRFC9846 does the same for TLS 1.3. The RFC has its structs twice, where they
// are explained and in an appendix, which also names what is reserved: each is a
// program.
func TestRFC9846(t *testing.T) {
	text := rfcText(t, "rfc9846.md")
	var body string
	for _, chapter := range []string{"Handshake Protocol", "Record Protocol", "Alert Protocol", "Cryptographic Computations"} {
		body += chapterOf(t, text, chapter)
	}
	for name, c := range map[string]struct {
		blocks []string
		least  int
		added  []string
	}{
		"body":     {indented(body), 28, []string{"rfc9846", "hkdf"}},
		"appendix": {indented(chapterOf(t, text, "Protocol Data Structures and Constant Values")), 12, []string{"rfc9846"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, sources := compileRFC(t, c.blocks, c.least, c.added...)
			params(t, p, map[string]string{
				"Finished":                        "Hash.length",
				"SupportedVersions":               "Handshake.msg_type",
				"Extension":                       "Handshake.msg_type",
				"ClientHello":                     "Handshake.msg_type",
				"CertificateEntry":                "Handshake.msg_type certificate_type",
				"Handshake":                       "Hash.length certificate_type",
				"UncompressedPointRepresentation": "coordinate_length",
				"TLSInnerPlaintext":               "TLSPlaintext.length length_of_padding",
				"TLSPlaintext":                    "",
			})
			buildGo(t, "rfc9846", sources, rfcHello)
		})
	}
}

// TestRFC9846Examples compiles the examples of the chapter that explains the
// notation, each for itself. What has letters for things is no example.
func TestRFC9846Examples(t *testing.T) {
	n := 0
	for _, block := range indented(chapterOf(t, rfcText(t, "rfc9846.md"), "Presentation Language")) {
		if regexp.MustCompile(`\.\.\.|\[\[|\bT1?\b`).MatchString(block) || strings.Contains(block, "Color color") {
			continue
		}
		if strings.Contains(block, "VariantTag;") {
			block += "extend VariantTag @closed;" // other records would have no body
		}
		n++
		_, errs := gen.Check([]*diag.Source{{Name: "example.wire", Text: block}})
		if errs.HasErrors() {
			t.Errorf("%s\n%s", errs, block)
		}
	}
	if n < 5 {
		t.Errorf("%d examples", n)
	}
}

// fenced returns the code blocks of a Markdown text that are marked as kind.
func fenced(text, kind string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`(?ms)^~~~ `+kind+`\n(.*?)^~~~`).FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

var declaration = regexp.MustCompile(`(?m)\b(struct|enum) \{|^ +(opaque|uint\d+) \S+;`)

// indented returns the indented blocks of a Markdown text in which something is
// declared.
func indented(text string) []string {
	var out []string
	var block strings.Builder
	for line := range strings.Lines(text + "end\n") {
		if strings.HasPrefix(line, "   ") || strings.TrimSpace(line) == "" {
			block.WriteString(line)
			continue
		}
		if b := block.String(); declaration.MatchString(b) {
			// What is computed below a struct is pseudocode, in no notation.
			b, _, _ = strings.Cut(b, "\n    Derive-Secret")
			out = append(out, b)
		}
		block.Reset()
	}
	return out
}

// chapterOf returns a chapter.
func chapterOf(t *testing.T, text, title string) string {
	t.Helper()
	for _, chapter := range strings.Split(text, "\n# ") {
		if strings.HasPrefix(strings.TrimSpace(chapter), title) {
			return chapter
		}
	}
	t.Fatalf("no chapter %q", title)
	return ""
}

// compileRFC checks blocks, of which there should be so many at least, with what
// testdata/rfc adds. There must not be a warning.
func compileRFC(t *testing.T, blocks []string, least int, added ...string) (*types.Program, []*diag.Source) {
	t.Helper()
	if len(blocks) < least {
		t.Errorf("%d blocks, want %d", len(blocks), least)
	}
	sources := []*diag.Source{{Name: "rfc.wire", Text: strings.Join(blocks, "\n")}}
	for _, name := range added {
		text, err := os.ReadFile(filepath.Join("testdata", "rfc", name+".wire"))
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &diag.Source{Name: name + ".wire", Text: string(text)})
	}
	p, errs := gen.Check(sources)
	if len(errs.Shown()) > 0 {
		t.Fatal(errs)
	}
	return p, sources
}

// arm returns the number of a case.
func arm(t *testing.T, p *types.Program, name, label string) uint64 {
	t.Helper()
	for _, m := range p.Lookup(name).(*types.Struct).Members {
		if sel, ok := m.(*types.Select); ok {
			for _, a := range sel.Arms {
				if a.Labels[0].Name == label {
					return a.Labels[0].Value
				}
			}
		}
	}
	t.Fatalf("%s has no case %s", name, label)
	return 0
}

// params compares the parameters of structs.
func params(t *testing.T, p *types.Program, want map[string]string) {
	t.Helper()
	for name, w := range want {
		s, ok := p.Lookup(name).(*types.Struct)
		if !ok {
			t.Errorf("no struct %s", name)
			continue
		}
		var got []string
		for _, x := range s.Params {
			got = append(got, x.Param)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != w {
			t.Errorf("%s has the parameters %q, want %q", name, got, w)
		}
	}
}

// buildGo compiles sources to Go, codecs and their tests, and runs these. Nothing is
// written into the repository: the packages stand in an overlay.
func buildGo(t *testing.T, name string, sources []*diag.Source, more string) {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	outputs, err := gen.Compile(sources, gen.Options{Package: name, Emit: []string{"go", "fuzz"}, Codecs: "sotto/gen/" + name})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay := map[string]string{}
	literals := make([]string, len(sources))
	for i, s := range sources {
		literals[i] = fmt.Sprintf("{Name: %q, Text: %q}", s.Name, s.Text)
	}
	oracle := strings.Replace(rfcOracle, "SOURCES", strings.Join(literals, ", "), 1)
	outputs = append(outputs, gen.Output{Name: "oracle_test.go", Text: []byte("package " + name + "_test\n" + oracle)})
	if more != "" {
		outputs = append(outputs, gen.Output{Name: "more_test.go", Text: []byte("package " + name + "_test\n" + more)})
	}
	for i, o := range outputs {
		file := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(file, o.Text, 0o600); err != nil {
			t.Fatal(err)
		}
		overlay[filepath.Join(root, "gen", name, o.Name)] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, name+".test")
	build := exec.Command("go", "test", "-c", "-vet=off", "-overlay", list, "-o", binary, "./gen/"+name)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%.6000s", err, out)
	}
	if out, err := exec.Command(binary).CombinedOutput(); err != nil {
		t.Errorf("%v\n%.6000s", err, out)
	}
}

// rfcOracle lets the generated tests compare the codecs with the interpreter.
const rfcOracle = `
import (
	"errors"
	"testing"

	"sotto/gen"
	"sotto/gen/diag"
	"sotto/gen/interp"
	"sotto/gen/types"
	"sotto/wire/codec"
)

func init() {
	p, errs := gen.Check([]*diag.Source{SOURCES})
	if err := errs.Err(); err != nil {
		panic(err)
	}
	reasons := map[interp.Reason]error{
		interp.Short: codec.ErrShort, interp.Trailing: codec.ErrTrailing, interp.Range: codec.ErrRange, interp.Const: codec.ErrConst,
		interp.Enum: codec.ErrEnum, interp.Checksum: codec.ErrChecksum, interp.NotCanonical: codec.ErrNotCanonical, interp.UTF8: codec.ErrUTF8,
	}
	oracle = func(t *testing.T, c *target, in []byte) (int, error, int) {
		_, n, err := interp.DecodeWith(p.Lookup(c.name).(*types.Struct), c.params, in)
		var e *interp.Error
		if errors.As(err, &e) {
			return 0, reasons[e.Reason], e.Offset
		}
		return n, nil, 0
	}
}
`

// rfcHello decodes a captured ClientHello with the structs of the RFC: what lies in
// its extensions is found by the type of the message that holds it.
const rfcHello = `
import (
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"sotto/gen/rfc9846"
)

func TestClientHello(t *testing.T) {
	text, err := os.ReadFile("examples/captures.txtar")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?m)^-- TlsHandshake: .*\n((?:[0-9a-f]+\n)+)").FindSubmatch(text)
	in, err := hex.DecodeString(strings.ReplaceAll(string(m[1]), "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	var h rfc9846.Handshake
	if err := h.UnmarshalBinary(in); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, e := range h.ClientHello.Extensions {
		switch e.ExtensionType {
		case rfc9846.ExtensionTypeSupportedVersions:
			found++
			if v := e.SupportedVersions.ClientHello.Versions; len(v) != 1 || v[0] != 0x0304 {
				t.Errorf("versions %x", v)
			}
		case rfc9846.ExtensionTypeKeyShare:
			found++
			if s := e.KeyShare.ClientHello.ClientShares; len(s) != 1 || s[0].Group != rfc9846.NamedGroupX25519 || len(s[0].KeyExchange) != 32 {
				t.Errorf("shares %v", &e.KeyShare)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d of 2 extensions in %v", found, &h)
	}
	for i := range h.ClientHello.Extensions { // what a person builds has not set them
		h.ClientHello.Extensions[i].HandshakeMsgType = 0
	}
	if out, err := h.MarshalBinary(); err != nil || string(out) != string(in) {
		t.Errorf("got  %x, %v\nwant %x", out, err, in)
	}
}
`
