package store

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What one user does must not take longer because others have much in the
// store: no statement of this package walks over a table or sorts, except
// where the whole table is wanted or it has one row.
func TestPlans(t *testing.T) {
	s := mustOpen(t, stateDir(t))
	defer s.Close()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	statement := regexp.MustCompile(`^(SELECT|INSERT|UPDATE|DELETE) `)
	walks := regexp.MustCompile(`SCAN (item|gone|mark|mailbox|user|value|leaf|hash)|TEMP B-TREE`)
	argument := regexp.MustCompile(`\?\d*`)
	n := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(node ast.Node) bool {
			lit, ok := node.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, _ := strconv.Unquote(lit.Value)
			if !statement.MatchString(text) || strings.HasSuffix(text, "FROM user ORDER BY name") {
				return true
			}
			n++
			args := map[string]any{} // ?1 may stand there twice, ? is each time another
			for i, arg := range argument.FindAllString(text, -1) {
				if arg == "?" {
					arg = fmt.Sprint("?", i+1)
				}
				args[arg] = nil
			}
			rows, err := s.db.Read.Query("EXPLAIN QUERY PLAN "+text, make([]any, len(args))...)
			if err != nil {
				t.Errorf("%s: %v", text, err)
				return true
			}
			defer rows.Close()
			for rows.Next() {
				var id, parent, unused int
				var step string
				if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
					t.Fatal(err)
				}
				if walks.MatchString(step) {
					t.Errorf("%s\n\t%s", text, step)
				}
			}
			return true
		})
	}
	if n < 30 {
		t.Errorf("found only %d statements", n)
	}
}
