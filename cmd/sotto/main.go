package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"sotto/node/store/disk"
)

func main() {
	if err := disk.KeepMemory(); err != nil {
		fmt.Fprintf(os.Stderr, "A crash might write the memory of this program to a file: %v.\n", err)
	}
	exit(run(os.Args[1:]))
}

// run does what the command line says.
func run(args []string) *failure {
	o, err := parse(args)
	switch {
	case errors.Is(err, errHelp):
		fmt.Print(manual)
		return nil
	case err != nil:
		return explain(err, "", "")
	case o.command == "help":
		fmt.Print(manual)
		return nil
	case o.version || o.command == "version":
		fmt.Println("sotto " + version())
		return nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch o.command {
	case "demo":
		err = demo(ctx, o)
	case "join":
		err = join(ctx, o)
	case "evidence":
		err = ownEvidence(ctx, o)
	case "check-evidence":
		err = checkEvidence(o.args[0], os.Stdout)
	default:
		err = talk(ctx, o)
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return &failure{code: exitInterrupted}
	}
	return explain(err, printable(o.user), printable(o.server()))
}

// talk logs in and runs line mode or a single command.
func talk(ctx context.Context, o *options) (err error) {
	in := bufio.NewReader(os.Stdin)
	c, err := openProfile(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if o.command == "trust-server" {
		return trustServer(ctx, o, c.profile, c.servers)
	}
	switch o.command {
	case "remove-device":
		return c.removeDevice(ctx, o, in)
	case "password":
		return c.changePassword(ctx, o, in)
	case "new-keys":
		return c.newKeys(ctx, o, in)
	case "passphrase":
		return c.setPassphrase(ctx, o, in)
	}
	if err := c.login(ctx, o, in); err != nil {
		return err
	}
	if o.command != "" {
		return once(ctx, o, c, in)
	}
	screen, err := newScreen(in)
	if err != nil {
		return err
	}
	defer screen.close()
	s := &session{
		screen: screen,
		client: c.client,
		user:   c.client.User(),
		server: o.server(),
		how:    c.how,
		invite: c.invite,
		wait:   o.timeout,
	}
	return s.run(ctx)
}

// version is that of the module, as the build knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown version)"
	}
	return info.Main.Version
}
