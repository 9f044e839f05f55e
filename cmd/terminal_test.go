//go:build linux

package cmd_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A console is a program at a pseudo-terminal.
type console struct {
	t        *testing.T
	master   *os.File
	*program // collects what the terminal shows
}

func openConsole(t *testing.T, env []string, path string, args ...string) *console {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here:", err)
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	var unlock int32
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCSPTLCK, uintptr(unsafe.Pointer(&unlock))); e != 0 {
		t.Fatal(e)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here:", err)
	}
	defer slave.Close()
	c := &console{t: t, master: master, program: &program{name: args[1], cmd: exec.Command(path, args...), more: make(chan struct{})}}
	c.cmd.Env = append(env, "TERM=xterm")
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = slave, slave, slave
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go io.Copy(c.program, master)
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		c.cmd.Wait()
		master.Close()
	})
	return c
}

func (c *console) keys(s string) {
	c.t.Helper()
	if _, err := c.master.WriteString(s); err != nil {
		c.t.Fatal(err)
	}
}

func (c *console) shows(want string) {
	c.t.Helper()
	late := time.After(scriptPatience)
	for {
		out, more := c.output()
		if strings.Contains(out, want) {
			return
		}
		select {
		case <-more:
		case <-late:
			c.t.Fatalf("the terminal does not show %q but:\n%q", want, out)
		}
	}
}

// At a terminal there is a prompt; the password is asked for without echo; a
// line that comes in does not garble what is being typed; Ctrl-C ends it.
func TestTerminal(t *testing.T) {
	bin := buildPrograms(t)
	home := t.TempDir()
	env := append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+filepath.Join(home, "state"))
	run := func(args ...string) *exec.Cmd {
		c := exec.Command(filepath.Join(bin, args[0]), args[1:]...)
		c.Env = env
		return c
	}
	if out, err := run("sottod", "-n").CombinedOutput(); err != nil {
		t.Fatalf("sottod -n: %v\n%s", err, out)
	}
	port, err := findPort()
	if err != nil {
		t.Fatal(err)
	}
	server := run("sottod", "-sp", port)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})
	bob := openConsole(t, env, filepath.Join(bin, "sotto"), "-u", "Bob", "-sp", port)
	bob.shows("Password of Bob on 127.0.0.1:" + port + ": ")
	bob.keys("Bob\r")
	bob.shows("connected to 127.0.0.1:" + port + " as Bob")
	bob.shows("> ")
	bob.keys("send Ali")
	bob.shows("send Ali")
	if out, err := run("sotto", "-u", "Alice", "-p", "Alice", "-sp", port, "send", "Bob", "in between").CombinedOutput(); err != nil {
		t.Fatalf("Alice: %v\n%s", err, out)
	}
	bob.shows("Alice: in between\r\n> send Ali")
	bob.keys("ce and on\r")
	bob.shows("queued for Alice")
	bob.keys("\x03")
	if err := bob.cmd.Wait(); bob.cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("after Ctrl-C: %v, want exit code 130", err)
	}
	if out, _ := bob.output(); strings.Contains(out, ": Bob") {
		t.Errorf("the password was echoed: %q", out)
	}
}
