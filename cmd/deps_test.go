package cmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// depsRules says who may import whom, bottom to top. A line is
//
//	folder: folders it may import, !packages it may not
//
// A folder stands for itself and, unless they have a line of their own, for
// the folders below it. It may name only folders above its own line, so no
// cycle can stand here. A banned standard package bans the packages below it
// too, but net/netip, which only holds addresses, is always allowed.
//
// Two lines are rules of security: node/server may not import node/envelope,
// which opens messages; and the folders that hold cryptography take bytes and
// keys and return bytes and errors, with no network, disk or locks.
const depsRules = `
spec:                !os !net
gen/diag:            !os !net
gen/syntax:          gen/diag !os !net
gen/types:           gen/diag gen/syntax !os !net
gen/interp:          gen/types !os !net
gen/backend:         gen/types gen/interp !os !net
gen:                 gen/diag gen/syntax gen/types gen/interp gen/backend !os !net

wire/codec:          !os !net !reflect
wire:                wire/codec !os !net !reflect
wire/bench:          wire/codec !os !net
gen/examples:        wire/codec !os !net !reflect

node/keys:           wire wire/codec !net !os
node/session:        wire wire/codec node/keys !net !os !sync
node/login/puzzle:   wire wire/codec node/keys !net !os
node/login/opaque:   wire wire/codec node/keys !net !os !sync
node/login/classic:  wire wire/codec node/keys node/session node/login/puzzle !net !os
node/login/channel:  wire wire/codec node/keys node/session node/login/puzzle node/login/opaque !net !os
node/login:          -
node/envelope:       wire wire/codec node/keys !net !os !sync
node/directory:      wire wire/codec node/keys !net !os !sync
node/simnet:         -
node/internet:       wire wire/codec
node/transport:      wire wire/codec node/keys node/session node/internet !os
node/chat:           wire wire/codec node/transport !net !os
node/store:          wire wire/codec
node/client/profile: wire wire/codec node/store
node/server:         wire wire/codec node/keys node/session node/login/classic node/login/channel node/directory node/internet node/transport node/chat node/store
node/client:         wire wire/codec node/keys node/session node/login/puzzle node/login/classic node/login/channel node/envelope node/directory node/internet node/transport node/chat node/client/profile

cmd/wiregen:         gen gen/diag gen/syntax gen/types gen/interp spec
cmd/sottod:          wire wire/codec node/keys node/login/classic node/login/channel node/directory node/internet node/transport node/chat node/store node/server
cmd/sotto:           wire wire/codec node/keys node/login/puzzle node/login/classic node/login/channel node/directory node/internet node/transport node/chat node/store node/client node/client/profile node/server
cmd:                 -
fuzz:                -
`

// modules are the modules outside the standard library that the code itself
// (tests aside) may use, and the folders that may use them.
var modules = map[string][]string{
	"github.com/cloudflare/circl": {"node/login/opaque"},
	"golang.org/x/crypto":         {"node", "wire/bench"},
	"golang.org/x/mod":            {"node/directory", "node/store"},
	"golang.org/x/sys":            {"node/internet", "node/store", "cmd"},
	"golang.org/x/term":           {"cmd"},
	"golang.org/x/text":           {"node/keys"},
	"golang.org/x/tools":          {"gen", "cmd/wiregen"},
	"modernc.org/sqlite":          {"node/store", "node/client/profile"},
}

// clockFolders are the folders whose loops own time. Everywhere else now is
// an argument.
var clockFolders = []string{"node/transport", "node/server", "node/client", "node/simnet", "cmd"}

// A listed package is what `go list -json` says of one.
type listed struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
	Standard   bool
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles,Standard", "sotto/...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var pkgs []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// A rule is one line of depsRules.
type rule struct {
	folder string
	may    []string
	ban    []string
}

func parseRules(t *testing.T) []rule {
	t.Helper()
	var rules []rule
	for line := range strings.Lines(depsRules) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		folder, rest, ok := strings.Cut(line, ":")
		if !ok {
			t.Fatalf("rule without a colon: %q", line)
		}
		r := rule{folder: folder}
		for _, w := range strings.Fields(rest) {
			switch {
			case w == "-":
			case strings.HasPrefix(w, "!"):
				r.ban = append(r.ban, w[1:])
			case !slices.ContainsFunc(rules, func(above rule) bool { return above.folder == w }):
				t.Errorf("%s names %s, which has no line above its own", folder, w)
			default:
				r.may = append(r.may, w)
			}
		}
		rules = append(rules, r)
	}
	return rules
}

// under reports whether folder is dir or lies below it.
func under(folder, dir string) bool {
	return folder == dir || strings.HasPrefix(folder, dir+"/")
}

// ruleFor gives the rule with the longest folder that holds the given one.
func ruleFor(rules []rule, folder string) (best rule, ok bool) {
	for _, r := range rules {
		if under(folder, r.folder) && len(r.folder) > len(best.folder) {
			best, ok = r, true
		}
	}
	return best, ok
}

func TestImports(t *testing.T) {
	rules := parseRules(t)
	for _, p := range listPackages(t) {
		folder := strings.TrimPrefix(p.ImportPath, "sotto/")
		r, ok := ruleFor(rules, folder)
		if !ok {
			t.Errorf("%s: no rule says what it may import", folder)
			continue
		}
		for _, imp := range p.Imports {
			switch {
			case under(imp, "sotto"):
				target, _ := ruleFor(rules, strings.TrimPrefix(imp, "sotto/"))
				if target.folder != r.folder && !slices.Contains(r.may, target.folder) {
					t.Errorf("%s imports %s; the rule of %s does not allow it", folder, imp, r.folder)
				}
			case strings.Contains(strings.Split(imp, "/")[0], "."):
				if !mayUseModule(folder, imp) {
					t.Errorf("%s imports %s; no rule allows that module there", folder, imp)
				}
			case imp != "net/netip" && slices.ContainsFunc(r.ban, func(b string) bool { return under(imp, b) }):
				t.Errorf("%s imports %s, which the rule of %s bans", folder, imp, r.folder)
			}
		}
	}
}

func mayUseModule(folder, imp string) bool {
	for module, folders := range modules {
		if under(imp, module) {
			return slices.ContainsFunc(folders, func(f string) bool { return under(folder, f) })
		}
	}
	return false
}

// TestClock keeps the rule that time is an argument: only the loops that own
// time may read the clock or start a timer.
func TestClock(t *testing.T) {
	banned := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}
	for _, p := range listPackages(t) {
		folder := strings.TrimPrefix(p.ImportPath, "sotto/")
		if slices.ContainsFunc(clockFolders, func(f string) bool { return under(folder, f) }) {
			continue
		}
		for _, name := range p.GoFiles {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join("..", folder, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(banned, sel.Sel.Name) {
					t.Errorf("%s: time.%s: the clock is read only in %s", fset.Position(sel.Pos()), sel.Sel.Name, strings.Join(clockFolders, ", "))
				}
				return true
			})
		}
	}
}

// TestFolders keeps the top level fixed and a doc.go in every folder of code.
func TestFolders(t *testing.T) {
	top := []string{"spec", "gen", "wire", "node", "cmd", "fuzz", "go.mod", "go.sum", "README.md", "LICENSE"}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(top, e.Name()) {
			t.Errorf("%s stands at the top level, which holds only %s", e.Name(), strings.Join(top, ", "))
		}
	}
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); name == "testdata" || strings.HasPrefix(name, ".") && name != ".." {
			return filepath.SkipDir
		}
		code, err := filepath.Glob(filepath.Join(path, "*.go"))
		if err != nil || len(code) == 0 {
			return err
		}
		if !slices.ContainsFunc(code, func(f string) bool { return filepath.Base(f) == "doc.go" }) {
			t.Errorf("%s has no doc.go", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
