package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"sotto/node/client"
	"sotto/node/keys"
)

// passwordLeast is how many characters a password has at the least that somebody
// chooses for himself. Nobody can guess it offline, but a stolen server can.
const passwordLeast = 12

// join makes an account from an invitation: the link says where the server is,
// which key it has, and that we may.
func join(ctx context.Context, o *options) (err error) {
	in := bufio.NewReader(os.Stdin)
	link, err := readLink(ctx, o, in)
	if err != nil {
		return err
	}
	if err := o.setServer(link.Address); err != nil {
		return err
	}
	if o.user == "" {
		if o.user, err = askName(ctx, in); err != nil {
			return err
		}
	}
	if err := keys.CheckName(o.user); err != nil {
		return fail(exitUsage, "%q is no name: %v.", printable(o.user), err)
	}
	c, err := openProfile(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	cfg := client.Config{User: o.user, Servers: c.servers, Profile: c.profile}
	if cfg.ServerKey, err = client.FollowServerKey(ctx, cfg, link.Pin); err != nil {
		if errors.As(err, new(*client.ServerKeyError)) {
			return fail(exitKeyChanged, "STOP. %s does not have the key that the invitation names: someone may be in between. Nothing was sent.", o.server())
		}
		return err
	}
	if cfg.Password, err = newPassword(ctx, o, in); err != nil {
		return err
	}
	if o.passphrase != "" {
		if cfg.Passphrase, err = passwordFile(o.passphrase); err != nil {
			return err
		}
	}
	name, err := client.Join(ctx, cfg, link.Invitation)
	if silent := (*client.NoAnswerError)(nil); errors.As(err, &silent) && silent.Why != nil {
		return fail(exitNoContact, "No session with %s (%s, UDP): %v. An invitation that was used or has expired opens nothing: ask for another. "+
			"If it was you who used it, the account is there: sotto -u %s -sip %s -sp %d", o.server(), silent.Server, silent.Why, o.user, o.host, o.port)
	}
	if err != nil {
		return err
	}
	return answer(fmt.Sprintf("Server key matches the invitation.\nYou are %s on %s. To chat: sotto -u %s -sip %s -sp %d", name, o.server(), name, o.host, o.port))
}

// readLink reads the invitation from the command line or the terminal.
func readLink(ctx context.Context, o *options, in *bufio.Reader) (*keys.Link, error) {
	text := ""
	if len(o.args) > 0 {
		text = o.args[0]
	} else {
		var err error
		if text, err = ask(ctx, in, "Invitation: "); err != nil {
			return nil, err
		}
	}
	link, err := keys.ParseLink(text)
	if err != nil {
		return nil, fail(exitUsage, "%s.", upper(err.Error()))
	}
	return link, nil
}

// setServer takes the server's address from a link.
func (o *options) setServer(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		o.host = host
		o.port, err = strconv.Atoi(port)
	}
	if err != nil {
		return fail(exitUsage, "The invitation names no server: %v.", err)
	}
	return nil
}

// askName asks for the name, and proposes the one of the machine's user.
func askName(ctx context.Context, in *bufio.Reader) (string, error) {
	proposed := ""
	if u, err := user.Current(); err == nil && keys.CheckName(u.Username) == nil {
		proposed = u.Username
	}
	prompt := "Name: "
	if proposed != "" {
		prompt = "Name [" + proposed + "]: "
	}
	name, err := ask(ctx, in, prompt)
	if name == "" {
		name = proposed
	}
	return name, err
}

// ask asks for a line at the terminal.
func ask(ctx context.Context, in *bufio.Reader, prompt string) (string, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", fail(exitUsage, "There is no terminal to ask at: sotto -u NAME -password-file FILE join LINK")
	}
	fmt.Fprint(os.Stderr, prompt)
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := in.ReadString('\n')
		read <- answer{line, err}
	}()
	select {
	case a := <-read:
		if a.err != nil {
			return "", fail(exitUsage, "Nothing was given.")
		}
		return strings.TrimSpace(a.line), nil
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr)
		return "", ctx.Err()
	}
}

// newPassword reads the password of a new account, at a terminal twice, and
// refuses one that is easily guessed.
func newPassword(ctx context.Context, o *options, in *bufio.Reader) ([]byte, error) {
	asked := !o.passwordSet && o.file == "" && o.fd < 0 && term.IsTerminal(int(os.Stdin.Fd()))
	if !asked {
		password, err := readPassword(ctx, o, in, false)
		if err != nil {
			return nil, err
		}
		return password, strong(o.user, password)
	}
	return askNewPassword(ctx, o, "Password")
}

// askNewPassword asks for a password of the user's own choice, twice.
func askNewPassword(ctx context.Context, o *options, what string) ([]byte, error) {
	first, err := askPassword(ctx, fmt.Sprintf("%s (%d or more characters): ", what, passwordLeast))
	if err != nil {
		return nil, err
	}
	if err := strong(o.user, first); err != nil {
		return nil, err
	}
	return first, askAgain(ctx, "passwords", first)
}

// strong says why a password is too weak for an account.
func strong(name string, password []byte) error {
	normal, err := keys.NormalPassword(password)
	if err != nil {
		return fail(exitUsage, "%s. Nothing was done.", upper(err.Error()))
	}
	defer clear(normal)
	distinct := make(map[rune]bool)
	for _, r := range string(normal) {
		distinct[r] = true
	}
	switch {
	case utf8.RuneCount(normal) < passwordLeast:
		return fail(exitUsage, "The password is too short: %d characters at the least. Nothing was done.", passwordLeast)
	case len(distinct) < 5:
		return fail(exitUsage, "The password is too easily guessed: it has only %d different characters. Nothing was done.", len(distinct))
	case strings.ReplaceAll(strings.ToLower(string(normal)), keys.Fold(name), "") == "":
		return fail(exitUsage, "The password is too easily guessed: it is the name. Nothing was done.")
	}
	return nil
}

// invite gives a link with which one person can make an account.
func (c *connection) invite(ctx context.Context) (string, error) {
	invitation, err := c.client.Invite(ctx)
	if err != nil {
		return "", err
	}
	link := keys.Link{Address: c.name, Invitation: invitation, Pin: c.client.ServerKey().Id()}
	return link.URL(), nil
}
