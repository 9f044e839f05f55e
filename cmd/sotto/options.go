package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are the command line.
type options struct {
	user        string
	password    string // -p
	passwordSet bool
	file        string // -password-file
	fd          int    // -password-fd; -1 if not given
	passphrase  string // -passphrase-file
	host        string // -sip
	port        int    // -sp
	serverKey   string
	state       string
	serverState string
	timeout     time.Duration
	relay       bool
	classic     bool
	version     bool

	command string // "" for line mode
	args    []string
}

// errHelp says that help was asked for.
var errHelp = errors.New("help")

// parse reads the command line. Flags come before the command, as the standard
// flag package has it, so that the text of a message may begin with a dash.
func parse(args []string) (*options, error) {
	o := &options{fd: -1}
	f := flag.NewFlagSet("sotto", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.StringVar(&o.user, "u", "", "")
	f.StringVar(&o.password, "p", "", "")
	f.StringVar(&o.file, "password-file", "", "")
	f.IntVar(&o.fd, "password-fd", -1, "")
	f.StringVar(&o.passphrase, "passphrase-file", "", "")
	f.StringVar(&o.host, "sip", "127.0.0.1", "")
	f.IntVar(&o.port, "sp", 5000, "")
	f.StringVar(&o.serverKey, "server-key", "", "")
	f.StringVar(&o.state, "state", "", "")
	f.StringVar(&o.serverState, "server-state", "", "")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "")
	f.BoolVar(&o.relay, "relay", false, "")
	f.BoolVar(&o.classic, "classic", false, "")
	f.BoolVar(&o.version, "version", false, "")
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil, errHelp
	case err != nil:
		return nil, fail(exitUsage, "sotto: %v. See: sotto -h", err)
	}
	f.Visit(func(g *flag.Flag) { o.passwordSet = o.passwordSet || g.Name == "p" })
	if f.NArg() > 0 {
		o.command, o.args = f.Arg(0), f.Args()[1:]
	}
	if len(o.args) == 1 && slices.Contains([]string{"-h", "-help", "--help"}, o.args[0]) {
		return nil, errHelp // before it is taken for a name, a file or a link
	}
	return o, o.check()
}

// check says what is wrong with a command line before anything is done.
func (o *options) check() error {
	if o.version || o.command == "help" || o.command == "version" {
		return nil
	}
	c, known := commands[o.command]
	switch {
	case !known:
		return fail(exitUsage, "sotto: no command %q. Commands: %s. See: sotto -h", printable(o.command), strings.Join(commandNames, ", "))
	case len(o.args) < c.min || c.max >= 0 && len(o.args) > c.max:
		for _, a := range o.args {
			if strings.HasPrefix(a, "-") && c.max >= 0 {
				return fail(exitUsage, "sotto: flags come before the command: sotto %s ... %s", printable(a), o.command)
			}
		}
		return fail(exitUsage, "sotto: usage: %s", strings.TrimSpace("sotto [flags] "+o.command+" "+c.usage))
	case o.command == "demo":
		return nil
	case c.modern && o.classic:
		return fail(exitUsage, "sotto: %s is of the default tier: leave -classic out", o.command)
	case o.user == "" && o.command != "join" && o.command != "check-evidence":
		return fail(exitUsage, "sotto: say who you are: sotto -u NAME -sip %s -sp %d. To just see it work: sotto demo", o.host, o.port)
	case o.port < 1 || o.port > 65535:
		return fail(exitUsage, "sotto: -sp %d is no port: 1 to 65535", o.port)
	case o.host == "":
		return fail(exitUsage, "sotto: -sip is empty: the server's address or name")
	case o.timeout < 0:
		return fail(exitUsage, "sotto: -timeout %v is negative", o.timeout)
	}
	given := o.passwordsGiven()
	if given > 1 {
		return fail(exitUsage, "sotto: give one of -p, -password-file and -password-fd")
	}
	return nil
}

// passwordsGiven counts the ways in which the command line gives a password.
func (o *options) passwordsGiven() int {
	given := 0
	for _, is := range []bool{o.passwordSet, o.file != "", o.fd >= 0} {
		if is {
			given++
		}
	}
	return given
}

// server gives the server as typed, for messages and for the profile's name.
func (o *options) server() string { return net.JoinHostPort(o.host, strconv.Itoa(o.port)) }

// stateFolder gives the folder that holds the profiles.
func (o *options) stateFolder() (string, error) {
	if o.state != "" {
		return o.state, nil
	}
	return stateHome("sotto")
}

// stateHome gives a program's folder below the XDG state folder.
func stateHome(program string) (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, program), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the state folder: %w (use -state DIR)", err)
	}
	return filepath.Join(home, ".local", "state", program), nil
}
