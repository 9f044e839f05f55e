package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"sotto/node/chat"
	"sotto/node/client"
	"sotto/node/client/profile"
	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/node/login/classic"
	"sotto/node/login/puzzle"
	"sotto/node/store/disk"
	"sotto/wire"
)

// Exit codes.
const (
	exitDone         = 0
	exitInternal     = 1
	exitUsage        = 2
	exitNoContact    = 3
	exitLogin        = 4
	exitNoUser       = 5
	exitNotDelivered = 6
	exitKeyChanged   = 7
	exitRateLimited  = 8
	exitVersion      = 9
	exitLocked       = 10
	exitInterrupted  = 130
)

// A failure is a line for the person and the code that the program ends with.
type failure struct {
	code int
	line string
}

func (f *failure) Error() string { return f.line }

func fail(code int, format string, args ...any) *failure {
	return &failure{code, fmt.Sprintf(format, args...)}
}

// explain makes a failure of any error: what was attempted, why it failed,
// what to do. server and user say where and who, as typed.
func explain(err error, user, server string) *failure {
	var (
		f        *failure
		silent   *client.NoAnswerError
		other    *client.ServerKeyError
		login    *client.LoginError
		alarm    *client.DirectoryError
		unknown  *client.UnknownUserError
		changed  *client.KeyChangedError
		refused  *chat.Refusal
		tooHard  *puzzle.TooHardError
		dns      *net.DNSError
		locked   *disk.LockedError
		insecure *disk.InsecureError
		newer    *disk.NewerError
		damaged  *disk.DamagedError
		device   *client.DeviceFileError
	)
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.Canceled):
		return fail(exitInterrupted, "Interrupted.")
	case errors.As(err, &dns):
		return fail(exitNoContact, "Cannot find %s (DNS). Nothing was sent.", printable(dns.Name))
	case errors.As(err, &other):
		return fail(exitKeyChanged, "STOP. This server shows a new key that the old key did not sign: someone may be in between. Password not sent. "+
			"If the admin told you: sotto trust-server --accept DIGITS   (known: %s; shown: %s)", other.Pinned, other.Shown)
	case errors.As(err, &silent):
		tries := ""
		if silent.Tries > 1 {
			tries = fmt.Sprintf(", %d tries", silent.Tries)
		}
		if silent.Why != nil {
			return fail(exitNoContact, "No session with %s (%s, UDP): %v. Try again; if it stays so, ask the server's admin.", server, silent.Server, silent.Why)
		}
		return fail(exitNoContact, "No answer from %s (%s, UDP) after %d s%s. Server off, wrong port, or UDP blocked here. Nothing was sent.",
			server, silent.Server, int(silent.After.Seconds()+0.5), tries)
	case errors.As(err, &login) && (errors.Is(err, classic.ErrPassword) || errors.Is(err, channel.ErrPassword)):
		return fail(exitLogin, "Login refused for %s on %s: wrong name or password. Check both and try again.", user, server)
	case errors.Is(err, keys.ErrBadPassword):
		return fail(exitLogin, "Login refused for %s on %s: %v.", user, server, keys.ErrBadPassword)
	case errors.As(err, &tooHard):
		return fail(exitRateLimited, "Login as %s on %s given up: %v.", user, server, tooHard)
	case errors.As(err, &refused) && refused.Code == wire.RefusedCodeNameTaken:
		return fail(exitUsage, "The name %s is taken on %s. Choose another; the invitation is still good.", user, server)
	case errors.As(err, &login) && errors.As(err, &refused) && refused.Code == wire.RefusedCodeNotAllowed:
		return fail(exitLogin, "%s made no account: the invitation was used already.", server)
	case errors.As(err, &login):
		return fail(exitLogin, "Login of %s on %s failed: %v.", user, server, login.Why)
	case errors.As(err, &alarm):
		return fail(exitKeyChanged, "%s", alarmLine(server, alarm))
	case errors.As(err, &unknown):
		return fail(exitNoUser, "%s", unknownLine(unknown))
	case errors.As(err, &changed):
		return fail(exitKeyChanged, "%s", keyChangedLine(changed.User, changed.Fingerprint))
	case errors.As(err, &device):
		return fail(exitLocked, "The keys of this device cannot be read: %s: %v. Put a backup in their place; or move the file away, and the password makes another device.", device.Path, device.Why)
	case errors.Is(err, client.ErrDevice):
		return fail(exitUsage, "There is a profile with an account for %s on %s already: sotto -u %s", user, server, user)
	case errors.Is(err, client.ErrNoDevices):
		return fail(exitUsage, "%s.", upper(client.ErrNoDevices.Error()))
	case errors.Is(err, client.ErrSameKey):
		return fail(exitUsage, "%s. There is nothing to accept.", upper(err.Error()))
	case errors.Is(err, client.ErrTooLong):
		return fail(exitUsage, "%s. Nothing was sent.", upper(err.Error()))
	case errors.Is(err, client.ErrNotText):
		return fail(exitUsage, "The text is not UTF-8. Nothing was sent.")
	case errors.As(err, &refused) && refused.Code == wire.RefusedCodeRateLimited:
		return fail(exitRateLimited, "Slow down: %v.", refused)
	case errors.As(err, &refused):
		return fail(exitInternal, "%s refused it: %v.", server, refused)
	case errors.Is(err, client.ErrNoContact):
		return fail(exitNoContact, "No contact with %s now; the client keeps trying.", server)
	case errors.Is(err, client.ErrReplaced):
		return fail(exitLogin, "%s logged in from elsewhere; this session is over.", user)
	case errors.Is(err, client.ErrRemoved):
		return fail(exitLogin, "%s has closed the account of %s.", server, user)
	case errors.As(err, &locked):
		return fail(exitLocked, "Profile of %s on %s is locked by process %d: a client runs with it already.", user, server, locked.PID)
	case errors.As(err, &insecure):
		return fail(exitLocked, "%s", upper(insecure.Error()))
	case errors.As(err, &newer):
		return fail(exitVersion, "%s", upper(newer.Error()))
	case errors.As(err, &damaged):
		return fail(exitLocked, "%s", upper(damaged.Error()))
	case disk.Full(err):
		return fail(exitLocked, "The disk of the profile of %s on %s is full. Nothing was sent. Make room and try again.", user, server)
	case errors.Is(err, profile.ErrUnavailable):
		return fail(exitLocked, "The profile of %s on %s fails: %v. Nothing was sent. Check the disk.", user, server, err)
	}
	return fail(exitInternal, "%s", upper(err.Error()))
}

func alarmLine(server string, e *client.DirectoryError) string {
	s := fmt.Sprintf("STOP. %s contradicts itself about the users' keys: %v. Ask its admin before you go on.", server, e.Why)
	if e.Evidence != "" {
		s += " What convicts it is kept in " + e.Evidence + "; to see it and to show it to others: sotto evidence."
	}
	return s
}

func unknownLine(e *client.UnknownUserError) string {
	s := fmt.Sprintf("No user %q on this server.", e.Name)
	if e.Nearest != "" {
		s += " Nearest contact: " + e.Nearest + "."
	}
	return s + " Nothing was sent."
}

func keyChangedLine(user, fingerprint string) string {
	return fmt.Sprintf("%s's key is new and not signed by the old one (a new key on the server, or someone else). Not sent; kept as a draft. "+
		"Compare: verify %s   Go on unverified: trust %s %s   (new key: %s)", user, user, user, fingerprint[:min(5, len(fingerprint))], fingerprint)
}

// upper makes an error a sentence.
func upper(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}

// exit ends the program with a failure's line on stderr.
func exit(f *failure) {
	if f == nil {
		os.Exit(exitDone)
	}
	if f.line != "" {
		fmt.Fprintln(os.Stderr, f.line)
	}
	os.Exit(f.code)
}
