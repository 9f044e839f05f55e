package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"sotto/node/server/deployment"
	"sotto/node/store/disk"
)

// Exit codes, the same as the client's.
const (
	exitDone        = 0
	exitInternal    = 1
	exitUsage       = 2
	exitNoContact   = 3  // cannot listen
	exitState       = 10 // locked, damaged, open to others or not there
	exitInterrupted = 130
)

// A failure is the end of the program: one line for the person, and the exit
// code for scripts.
type failure struct {
	code int
	line string
}

func (f *failure) Error() string { return f.line }

// fail returns a failure. The line says what was attempted, why it failed and
// what to do.
func fail(code int, format string, args ...any) error {
	return &failure{code, fmt.Sprintf(format, args...)}
}

// options are what the flags say.
type options struct {
	state     string
	port      int
	host      string
	sockets   int
	renew     bool // -n
	force     bool
	allowDemo bool
	classic   bool
	version   bool
}

// tier is the one that -classic says.
func (o *options) tier() deployment.Tier {
	if o.classic {
		return deployment.Classic
	}
	return deployment.Default
}

// A command is a word of the command line and what it does.
type command struct {
	words string // "user add"
	args  string
	brief string
	run   func(ctx context.Context, o *options, args []string) error
}

// commands are all of them, in the order of the manual. It is a function
// because the manual, which a command may print, shows the table.
func commands() []command {
	return []command{
		{"user add", "[-password-file FILE | -password-fd N] NAME", "make a user; the password is asked for", userAdd},
		{"user reset", "[-password-file FILE | -password-fd N] NAME", "give a user new keys and a new password; his contacts are warned", userReset},
		{"user list", "", "print the names of all users", userList},
		{"invite", "[-expires 24h] [-host NAME:PORT]", "print an invitation for one person; sotto join takes it", invite},
		{"key show", "", "print the server key's fingerprint", keyShow},
		{"key rotate", "", "replace the server's key; the old one signs the new one", keyRotate},
	}
}

// stdout and stderr are variables for the tests of this package.
var (
	stdout io.Writer = os.Stdout
	stderr io.Writer = os.Stderr
)

func main() {
	if err := disk.KeepMemory(); err != nil {
		fmt.Fprintf(stderr, "sottod: a crash might write its memory to a file: %v\n", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { // the first signal asks, the second does not
		again := make(chan os.Signal, 1)
		signal.Notify(again, os.Interrupt, syscall.SIGTERM)
		<-again
		os.Exit(exitInterrupted)
	})
	err := run(ctx, os.Args[1:])
	code := report(err)
	stop()
	os.Exit(code)
}

// report says why the program ends and returns its exit code.
func report(err error) int {
	var f *failure
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &f):
		if f.line != "" {
			fmt.Fprintln(stderr, "sottod: "+f.line)
		}
		return f.code
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "sottod: interrupted")
		return exitInterrupted
	default:
		fmt.Fprintln(stderr, "sottod: "+err.Error())
		return exitInternal
	}
}

// run is the program.
func run(ctx context.Context, args []string) error {
	o := &options{}
	set := flag.NewFlagSet("sottod", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.BoolVar(&o.renew, "n", false, "")
	set.BoolVar(&o.force, "force", false, "")
	set.IntVar(&o.port, "sp", 0, "")
	set.StringVar(&o.host, "sip", "127.0.0.1", "")
	set.IntVar(&o.sockets, "sockets", 1, "")
	set.StringVar(&o.state, "state", "", "")
	set.BoolVar(&o.allowDemo, "allow-demo", false, "")
	set.BoolVar(&o.classic, "classic", false, "")
	set.BoolVar(&o.version, "version", false, "")
	if err := parse(set, args); err != nil {
		return err
	}
	if o.state == "" {
		dir, err := defaultState()
		if err != nil {
			return err
		}
		o.state = dir
	}
	args = set.Args()
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })
	switch {
	case o.version:
		fmt.Fprintln(stdout, version())
		return nil
	case len(args) > 0:
		return runCommand(ctx, o, args)
	case o.renew && given["sp"]:
		return fail(exitUsage, "-n and -sp are two jobs: make the demo users with sottod -n, then serve with sottod -sp %d.", o.port)
	case o.renew:
		return newDemo(ctx, o)
	case given["sp"]:
		return serve(ctx, o)
	}
	return fail(exitUsage, "nothing to do: -sp PORT serves, -n makes demo users, -h explains.")
}

// parse parses flags. Help that is asked for is printed; it ends the program
// without a failure.
func parse(set *flag.FlagSet, args []string) error {
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		manual(stdout)
		return &failure{code: exitDone}
	} else if err != nil {
		return fail(exitUsage, "%v. See sottod -h.", err)
	}
	return nil
}

// runCommand finds the command and runs it.
func runCommand(ctx context.Context, o *options, args []string) error {
	if slices.Contains([]string{"-h", "-help", "--help"}, args[len(args)-1]) && !slices.Contains(args, "--") {
		manual(stdout)
		return nil
	}
	for _, c := range commands() {
		words := strings.Fields(c.words)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return c.run(ctx, o, args[len(words):])
		}
	}
	return fail(exitUsage, "unknown command %q. Flags stand before commands; sottod -h lists both.", strings.Join(args, " "))
}

// defaultState is the XDG state folder of the server.
func defaultState() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "sottod"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fail(exitUsage, "cannot find a place for the state: %v. Name a folder with -state DIR.", err)
	}
	return filepath.Join(home, ".local", "state", "sottod"), nil
}
