package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sotto/node/server/deployment"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sottod": func() {
		if tier := os.Getenv(tierVariable); tier != "" {
			os.Args = slices.Insert(os.Args, 1, tier)
		}
		main()
	}})
}

// tierVariable holds a flag that the program of a script is given before all
// others.
const tierVariable = "SOTTOD_TEST_TIER"

// TestScript runs sottod as a person would, testdata/script/*.txtar, in both
// tiers. A script begins with an empty home; $DEMO is a folder that sottod -n
// has made. Besides the condition [classic] and the commands of testscript there
// are
//
//	copydemo DIR            copy $DEMO
//	occupy NAME             keep a free UDP port of loopback and put it into $NAME
//	serve NAME [ARGS]       start sottod ARGS and wait until it is ready; $PORT is its port
//	exits CODE sottod ARGS  run sottod to its end and want an exit code
//	said NAME REGEXP        wait for a line of its stdout after the first; ! said
//	                        wants none, of a server that has ended
//	terminate NAME [CODE]   send SIGTERM and want an exit code, 0 unless said
//	crash NAME              kill -9
func TestScript(t *testing.T) {
	t.Run("default", func(t *testing.T) { testScripts(t, deployment.Default, "") })
	t.Run("classic", func(t *testing.T) { testScripts(t, deployment.Classic, "-classic") })
}

func testScripts(t *testing.T, tier deployment.Tier, flag string) {
	demo := filepath.Join(t.TempDir(), "demo")
	if err := deployment.CreateDemo(context.Background(), demo, tier); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
			env.Setenv("DEMO", demo)
			env.Setenv(tierVariable, flag)
			env.Values[serversKey{}] = servers{}
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "classic" {
				return tier == deployment.Classic, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"copydemo":  cmdCopyDemo,
			"occupy":    cmdOccupy,
			"serve":     cmdServe,
			"exits":     cmdExits,
			"said":      cmdSaid,
			"terminate": cmdTerminate,
			"crash":     cmdCrash,
		},
	})
}

func cmdCopyDemo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: copydemo DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	entries, err := os.ReadDir(ts.Getenv("DEMO"))
	ts.Check(err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(ts.Getenv("DEMO"), e.Name()))
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(dir, e.Name()), b, 0o600))
	}
}

func cmdOccupy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: occupy NAME")
	}
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { c.Close() })
	ts.Setenv(args[0], strconv.Itoa(c.LocalAddr().(*net.UDPAddr).Port))
}

// A running is a sottod that a script has started.
type running struct {
	cmd    *exec.Cmd
	said   chan string // lines of stdout after the first; closed at its end
	lines  []string    // those that were read
	stderr bytes.Buffer
	ended  chan struct{}
}

type (
	servers    map[string]*running
	serversKey struct{}
)

// ready is the line that says that a server is ready.
var ready = regexp.MustCompile(`^Listening on udp 127\.0\.0\.1:(\d+), \d+ users?, server key \d{5}( \d{5}){5}\n$`)

func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: serve NAME [ARGS]")
	}
	path, err := exec.LookPath("sottod")
	ts.Check(err)
	r := &running{cmd: exec.Command(path, args[1:]...), said: make(chan string, 100), ended: make(chan struct{})}
	r.cmd.Dir = ts.MkAbs(".")
	r.cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "XDG_STATE_HOME="+ts.Getenv("XDG_STATE_HOME"),
		tierVariable+"="+ts.Getenv(tierVariable))
	r.cmd.Stderr = &r.stderr
	out, err := r.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(r.cmd.Start())
	stdout := bufio.NewReader(out)
	line, _ := stdout.ReadString('\n')
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			r.said <- lines.Text()
		}
		close(r.said)
		r.cmd.Wait()
		close(r.ended)
	}()
	ts.Defer(func() {
		r.cmd.Process.Kill()
		<-r.ended
	})
	m := ready.FindStringSubmatch(line)
	if m == nil {
		r.cmd.Process.Kill()
		<-r.ended
		ts.Fatalf("the server said %q\n%s", line, r.stderr.String())
	}
	ts.Setenv("PORT", m[1])
	ts.Value(serversKey{}).(servers)[args[0]] = r
}

func cmdSaid(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: said NAME REGEXP")
	}
	r, want := started(ts, args), regexp.MustCompile(args[1])
	said := slices.ContainsFunc(r.lines, want.MatchString)
	timeout := time.After(30 * time.Second)
	for more := true; more && !said; {
		var line string
		select {
		case line, more = <-r.said:
			r.lines = append(r.lines, line)
			said = want.MatchString(line)
		case <-timeout:
			ts.Fatalf("the server has not said %s", want)
		}
	}
	if said == neg {
		ts.Fatalf("%s in what the server said: %v, in\n%s", want, said, strings.Join(r.lines, "\n"))
	}
}

func started(ts *testscript.TestScript, args []string) *running {
	if len(args) < 1 || ts.Value(serversKey{}).(servers)[args[0]] == nil {
		ts.Fatalf("no server %q was started", args)
	}
	return ts.Value(serversKey{}).(servers)[args[0]]
}

func cmdTerminate(ts *testscript.TestScript, neg bool, args []string) {
	r, code := started(ts, args), 0
	if len(args) > 1 {
		var err error
		code, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	ts.Check(r.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-r.ended:
	case <-time.After(30 * time.Second):
		ts.Fatalf("sottod has not ended 30 s after SIGTERM\n%s", r.stderr.String())
	}
	if got := r.cmd.ProcessState.ExitCode(); got != code {
		ts.Fatalf("exit code %d, want %d\n%s", got, code, r.stderr.String())
	}
}

// cmdExits runs a program and wants an exit code:
//
//	exits CODE PROGRAM ARGS
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit := new(exec.ExitError)
		if !errors.As(err, &exit) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s ended with code %d, want %d. It said:\n%s", args[1], got, want, ts.ReadFile("stderr"))
	}
}

func cmdCrash(ts *testscript.TestScript, neg bool, args []string) {
	r := started(ts, args)
	ts.Check(r.cmd.Process.Kill())
	<-r.ended
}
