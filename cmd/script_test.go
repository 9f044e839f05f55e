package cmd_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScript runs whole sessions of real processes, testdata/script/*.txtar, in
// both tiers: in the classic one, sotto and sottod are given -classic before all
// else. Besides the condition [classic] and the commands of testscript there are
//
//	demousers [DIR]           what sottod -n does, faster: a state folder with the
//	                          demo users, by default where sottod looks for it
//	port NAME                 put a free UDP port of loopback into $NAME
//	badpath NAME PORT ...     a bad network before a port, see proxy_test.go
//	longmessage FILE WHO SIZE a file with a command that sends a long message
//	start NAME PROGRAM ARGS   run a program with a pipe to its input
//	type NAME LINE            write a line into it
//	typefile NAME FILE        write a file into it
//	expect NAME REGEXP [N]    wait until its output has REGEXP, N times
//	refute NAME REGEXP        its output so far has no REGEXP
//	exits CODE PROGRAM ARGS   run a program to its end and want an exit code
//	end NAME [CODE]           end its input and wait for its exit code, 0 unless said
//	terminate NAME [CODE]     the same by SIGTERM
//	interrupt NAME [CODE]     the same by SIGINT
//	crash NAME                kill -9
//	copystate FROM TO         copy the state folder of a server
//	carry FROM TO USER        give what waits for a user to another server
//	capture NAME REGEXP       put the group of REGEXP in the last stderr into $NAME
//	saved NAME WHO REGEXP     the same of a program's output, or of the last stdout
//
// The output of a program is stdout and stderr together. Each script has a
// home of its own, so the state folders are empty.
func TestScript(t *testing.T) {
	bin := buildPrograms(t)
	t.Run("default", func(t *testing.T) { testScripts(t, bin, false) })
	t.Run("classic", func(t *testing.T) { testScripts(t, withFlag(t, bin, "-classic"), true) })
}

func testScripts(t *testing.T, bin string, classic bool) {
	demo := filepath.Join(t.TempDir(), "demo")
	if out, err := exec.Command(filepath.Join(bin, "sottod"), "-state", demo, "-n").CombinedOutput(); err != nil {
		t.Fatalf("sottod -n: %v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
			env.Setenv("TERM", "dumb")
			env.Values[programsKey{}] = programs{}
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "classic" {
				return classic, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"demousers":   func(ts *testscript.TestScript, neg bool, args []string) { cmdDemoUsers(ts, args, demo) },
			"port":        cmdPort,
			"badpath":     cmdBadPath,
			"longmessage": cmdLongMessage,
			"start":       cmdStart,
			"type":        cmdType,
			"typefile":    cmdTypeFile,
			"expect":      cmdExpect,
			"refute":      cmdRefute,
			"exits":       cmdExits,
			"end":         func(ts *testscript.TestScript, neg bool, args []string) { cmdEnd(ts, neg, args, nil) },
			"terminate":   func(ts *testscript.TestScript, neg bool, args []string) { cmdEnd(ts, neg, args, syscall.SIGTERM) },
			"interrupt":   func(ts *testscript.TestScript, neg bool, args []string) { cmdEnd(ts, neg, args, os.Interrupt) },
			"crash":       cmdCrash,
			"capture":     cmdCapture,
			"saved":       cmdSaved,
			"copystate":   cmdCopyState,
			"carry":       cmdCarry,
		},
	})
}

// buildPrograms compiles sotto and sottod once for all scripts.
func buildPrograms(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "./sotto", "./sottod")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// withFlag returns a folder of programs that are those of another, with a flag
// before all others.
func withFlag(t *testing.T, bin, flag string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"sotto", "sottod"} {
		script := fmt.Sprintf("#!/bin/sh\nexec '%s' %s \"$@\"\n", filepath.Join(bin, name), flag)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// scriptPatience is how long a script waits for anything.
const scriptPatience = 60 * time.Second

// A program is one that a script has started.
type program struct {
	name  string
	cmd   *exec.Cmd
	input io.WriteCloser
	ended chan struct{} // closed when it has ended and all output is read

	mu   sync.Mutex
	out  strings.Builder
	more chan struct{} // closed and replaced when there is more output
}

// programs are those of one script by name.
type programs map[string]*program

type programsKey struct{}

// Write takes output.
func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Write(b)
	close(p.more)
	p.more = make(chan struct{})
	return len(b), nil
}

func (p *program) output() (string, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String(), p.more
}

func find(ts *testscript.TestScript, args []string, min int, usage string) *program {
	if len(args) < min {
		ts.Fatalf("usage: %s", usage)
	}
	p := ts.Value(programsKey{}).(programs)[args[0]]
	if p == nil {
		ts.Fatalf("no program %q was started", args[0])
	}
	return p
}

// cmdDemoUsers copies the folder that sottod -n made once for all scripts: keys
// and passwords of five take seconds.
func cmdDemoUsers(ts *testscript.TestScript, args []string, demo string) {
	dir := filepath.Join(ts.Getenv("XDG_STATE_HOME"), "sottod")
	if len(args) > 0 {
		dir = ts.MkAbs(args[0])
	}
	ts.Check(os.MkdirAll(dir, 0o700))
	files, err := os.ReadDir(demo)
	ts.Check(err)
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(demo, f.Name()))
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(dir, f.Name()), b, 0o600))
	}
}

func cmdPort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: port NAME")
	}
	port, err := findPort()
	ts.Check(err)
	ts.Setenv(args[0], port)
}

// findPort gives a UDP port of loopback that nobody uses now.
func findPort() (string, error) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer c.Close()
	return strconv.Itoa(c.LocalAddr().(*net.UDPAddr).Port), nil
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARGS")
	}
	path := args[1]
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, args[1])); err == nil {
			path = filepath.Join(dir, args[1])
			break
		}
	}
	p := &program{name: args[0], more: make(chan struct{}), ended: make(chan struct{})}
	p.cmd = exec.Command(path, args[2:]...)
	p.cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "XDG_STATE_HOME", "TERM"} {
		p.cmd.Env = append(p.cmd.Env, name+"="+ts.Getenv(name))
	}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	var err error
	p.input, err = p.cmd.StdinPipe()
	ts.Check(err)
	ts.Check(p.cmd.Start())
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	ts.Value(programsKey{}).(programs)[p.name] = p
	ts.Defer(func() {
		p.cmd.Process.Kill()
		<-p.ended
	})
}

func cmdType(ts *testscript.TestScript, neg bool, args []string) {
	p := find(ts, args, 2, "type NAME LINE")
	_, err := io.WriteString(p.input, strings.Join(args[1:], " ")+"\n")
	ts.Check(err)
}

func cmdTypeFile(ts *testscript.TestScript, neg bool, args []string) {
	p := find(ts, args, 2, "typefile NAME FILE")
	b, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	_, err = p.input.Write(b)
	ts.Check(err)
}

func cmdExpect(ts *testscript.TestScript, neg bool, args []string) {
	p := find(ts, args, 2, "expect NAME REGEXP [N]")
	rx, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	n := 1
	if len(args) > 2 {
		n, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	late := time.NewTimer(scriptPatience)
	defer late.Stop()
	for over := false; ; {
		out, more := p.output()
		if len(rx.FindAllStringIndex(out, -1)) >= n {
			return
		}
		if over {
			ts.Fatalf("%s did not say %q (%d times). It said:\n%s", p.name, args[1], n, shorten(out))
		}
		select {
		case <-more:
		case <-p.ended:
			over = true
		case <-late.C:
			over = true
		}
	}
}

func cmdRefute(ts *testscript.TestScript, neg bool, args []string) {
	p := find(ts, args, 2, "refute NAME REGEXP")
	if out, _ := p.output(); regexp.MustCompile("(?m)" + args[1]).MatchString(out) {
		ts.Fatalf("%s said %q. All it said:\n%s", p.name, args[1], shorten(out))
	}
}

// cmdEnd ends a program by a signal, or by the end of its input if there is
// none.
func cmdEnd(ts *testscript.TestScript, neg bool, args []string, signal os.Signal) {
	p := find(ts, args, 1, "end NAME [CODE]")
	want := 0
	if len(args) > 1 {
		var err error
		want, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	if signal != nil {
		ts.Check(p.cmd.Process.Signal(signal))
	} else {
		p.input.Close()
	}
	select {
	case <-p.ended:
	case <-time.After(scriptPatience):
		out, _ := p.output()
		ts.Fatalf("%s does not end. It said:\n%s", p.name, shorten(out))
	}
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		out, _ := p.output()
		ts.Fatalf("%s ended with code %d, want %d. It said:\n%s", p.name, got, want, shorten(out))
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
	p := find(ts, args, 1, "crash NAME")
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		ts.Fatalf("kill %s: %v", p.name, err)
	}
	<-p.ended
}

func cmdCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME REGEXP")
	}
	m := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stderr"))
	if len(m) != 2 {
		ts.Fatalf("no %q in the last stderr", args[1])
	}
	ts.Setenv(args[0], m[1])
}

func cmdSaved(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: saved NAME WHO REGEXP")
	}
	rx := regexp.MustCompile("(?m)" + args[2])
	var m []string
	if args[1] == "stdout" {
		m = rx.FindStringSubmatch(ts.ReadFile("stdout"))
	} else {
		cmdExpect(ts, false, args[1:])
		out, _ := find(ts, args[1:], 2, "").output()
		m = rx.FindStringSubmatch(out)
	}
	if len(m) != 2 {
		ts.Fatalf("no %q in what %s said", args[2], args[1])
	}
	ts.Setenv(args[0], m[1])
}

// shorten keeps a long message out of the test's log.
func shorten(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if len(line) > 400 {
			line = fmt.Sprintf("%s… (%d bytes)\n", line[:200], len(line))
		}
		b.WriteString(line)
	}
	return b.String()
}
