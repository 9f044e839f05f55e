package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sotto/node/server/deployment"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sottod": main})
}

// TestScript runs sottod as a person would, testdata/script/*.txtar. A script
// begins with an empty home; $DEMO is a folder that sottod -n has made. Besides
// the commands of testscript there are
//
//	copydemo DIR            copy $DEMO
//	occupy NAME             keep a free UDP port of loopback and put it into $NAME
//	serve NAME [ARGS]       start sottod ARGS and wait until it is ready; $PORT is its port
//	exits CODE sottod ARGS  run sottod to its end and want an exit code
//	terminate NAME [CODE]   send SIGTERM and want an exit code, 0 unless said
//	crash NAME              kill -9
func TestScript(t *testing.T) {
	demo := filepath.Join(t.TempDir(), "demo")
	if err := deployment.CreateDemo(context.Background(), demo); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
			env.Setenv("DEMO", demo)
			env.Values[serversKey{}] = servers{}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"copydemo":  cmdCopyDemo,
			"occupy":    cmdOccupy,
			"serve":     cmdServe,
			"exits":     cmdExits,
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
	r := &running{cmd: exec.Command(path, args[1:]...), ended: make(chan struct{})}
	r.cmd.Dir = ts.MkAbs(".")
	r.cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "XDG_STATE_HOME="+ts.Getenv("XDG_STATE_HOME"))
	r.cmd.Stderr = &r.stderr
	out, err := r.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(r.cmd.Start())
	line, _ := bufio.NewReader(out).ReadString('\n')
	go func() {
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
