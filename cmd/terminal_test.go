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
	c := &console{t: t, master: master, program: &program{name: strings.Join(args, " "), cmd: exec.Command(path, args...), more: make(chan struct{})}}
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

// A desk is a home with a server of the demo users, and programs to use there.
type desk struct {
	t    *testing.T
	bin  string
	env  []string
	port string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	home := t.TempDir()
	d := &desk{t: t, bin: buildPrograms(t)}
	d.env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+filepath.Join(home, "state"))
	d.says("sottod", "-n")
	var err error
	if d.port, err = findPort(); err != nil {
		t.Fatal(err)
	}
	server := d.run("sottod", "-sp", d.port)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})
	return d
}

func (d *desk) run(program string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(d.bin, program), args...)
	c.Env = d.env
	return c
}

// says runs a program to its end and gives what it says.
func (d *desk) says(program string, args ...string) string {
	d.t.Helper()
	out, err := d.run(program, args...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (d *desk) console(program string, args ...string) *console {
	d.t.Helper()
	return openConsole(d.t, d.env, filepath.Join(d.bin, program), args...)
}

// At a terminal there is a prompt; the password is asked for without echo; a
// line that comes in does not garble what is being typed; Ctrl-C ends it.
func TestTerminal(t *testing.T) {
	d := newDesk(t)
	bob := d.console("sotto", "-u", "Bob", "-sp", d.port)
	bob.shows("Password of Bob on 127.0.0.1:" + d.port + ": ")
	bob.keys("Bob\r")
	bob.shows("connected to 127.0.0.1:" + d.port + " as Bob")
	bob.shows("> ")
	bob.keys("send Ali")
	bob.shows("send Ali")
	d.says("sotto", "-u", "Alice", "-p", "Alice", "-sp", d.port, "send", "Bob", "in between")
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

// The first contact with a server of which no key is known shows the fingerprint
// and asks. Only "yes" goes on; from then on the key is pinned.
func TestFirstContact(t *testing.T) {
	d := newDesk(t)
	fingerprint := strings.TrimSpace(d.says("sottod", "key", "show"))
	args := []string{"-u", "Bob", "-sp", d.port, "-server-state", filepath.Join(t.TempDir(), "elsewhere")}
	for _, no := range []string{"no\r", "\r", "y\r", "\x04"} {
		bob := d.console("sotto", args...)
		bob.shows(fingerprint)
		bob.shows("Is it the same? (yes/no) ")
		bob.keys(no)
		bob.shows("Not accepted. Password not sent.")
		if bob.cmd.Wait(); bob.cmd.ProcessState.ExitCode() != 7 {
			t.Errorf("after %q: exit code %d, want 7", no, bob.cmd.ProcessState.ExitCode())
		}
		if out, _ := bob.output(); strings.Contains(out, "Password of") {
			t.Errorf("after %q the password is asked for: %q", no, out)
		}
	}
	bob := d.console("sotto", args...)
	bob.shows("Is it the same? (yes/no) ")
	bob.keys("yes\r")
	bob.shows("Password of Bob on 127.0.0.1:" + d.port + ": ")
	bob.keys("Bob\r")
	bob.shows("connected to 127.0.0.1:" + d.port + " as Bob, server key accepted")
	bob.shows("> ")
	bob.keys("quit\r")
	if err := bob.cmd.Wait(); err != nil {
		t.Errorf("after quit: %v", err)
	}
	d.says("sotto", append(args, "-p", "Bob", "list")...)
}

// At a terminal `sotto join` asks for what it needs. Two passwords that differ, or a
// weak one, make no account; neither is echoed.
func TestJoinAtATerminal(t *testing.T) {
	d := newDesk(t)
	link := strings.TrimSpace(d.says("sottod", "invite", "-host", "127.0.0.1:"+d.port))
	join := func(passwords ...string) *console {
		c := d.console("sotto", "join")
		c.shows("Invitation: ")
		c.keys(link + "\r")
		c.shows("Name")
		c.keys("Danielle\r")
		prompts := []string{"Password (12 or more characters): ", "The same again: "}
		for i, p := range passwords {
			c.shows(prompts[i])
			c.keys(p + "\r")
		}
		return c
	}
	for want, passwords := range map[string][]string{
		"The two passwords differ.":     {"correct horse battery", "another horse battery"},
		"The password is too short: 12": {"short"},
	} {
		c := join(passwords...)
		c.shows(want)
		if c.cmd.Wait(); c.cmd.ProcessState.ExitCode() != 2 {
			t.Errorf("%s: exit code %d, want 2", want, c.cmd.ProcessState.ExitCode())
		}
	}
	c := join("correct horse battery", "correct horse battery")
	c.shows("You are Danielle on 127.0.0.1:" + d.port)
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("join: %v", err)
	}
	if out, _ := c.output(); strings.Contains(out, "horse") {
		t.Errorf("the password was echoed: %q", out)
	}
	d.says("sotto", "-u", "Danielle", "-sp", d.port, "list")
}
