package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"sotto/node/client"
)

// once does a single command other than join and demo. Messages that come
// meanwhile stay on disk for the next chat.
func once(ctx context.Context, o *options, c *connection, in *bufio.Reader) error {
	switch o.command {
	case "list":
		users, err := c.client.List(ctx)
		if err != nil {
			return err
		}
		return answer(renderList(users, c.client.User()))
	case "verify":
		text, err := verify(ctx, c.client, o.args[0], strings.Join(o.args[1:], " "))
		if err != nil {
			return err
		}
		return answer(text)
	case "invite":
		link, err := c.invite(ctx)
		if err != nil {
			return err
		}
		return answer(link)
	case "devices":
		devices, err := c.client.Devices(ctx)
		if err != nil {
			return err
		}
		return answer(renderDevices(devices))
	case "trust":
		digits := strings.Join(o.args[1:], " ")
		drafts, err := trust(ctx, c.client, o.args[0], digits)
		if err != nil {
			return err
		}
		said := answer(accepted(o.args[0], drafts))
		go func() { // whose fate the next chat tells
			for range c.client.Events() {
			}
		}()
		return errors.Join(said, drain(ctx, c.client, o.timeout))
	}
	return sendOnce(ctx, o, c, in)
}

// sendOnce sends one message and waits for its fate.
func sendOnce(ctx context.Context, o *options, c *connection, in *bufio.Reader) error {
	text := strings.Join(o.args[1:], " ")
	if len(o.args) == 1 {
		b, err := io.ReadAll(io.LimitReader(in, client.MaxText+2))
		if err != nil {
			return fail(exitUsage, "Cannot read the text from standard input: %v. Nothing was sent.", err)
		}
		text = strings.TrimSuffix(string(b), "\n")
	}
	id, err := c.client.Send(ctx, o.args[0], text)
	if err != nil {
		return err
	}
	var failed error
	var shown sync.WaitGroup
	watching, stop := context.WithCancel(ctx)
	shown.Go(func() {
		for {
			select {
			case e, ok := <-c.client.Events():
				if !ok {
					return
				}
				switch e := e.(type) {
				case client.StateChanged:
					if e.ID == id && e.State == client.Failed {
						failed = fail(exitNotDelivered, "%s", renderState(e))
					} else if e.ID == id {
						if err := answer(renderState(e)); err != nil {
							failed = err // the message is on its way all the same
						}
					}
				case client.Ended:
					failed = explain(e.Why, o.user, o.server())
				}
			case <-watching.Done():
				return
			}
		}
	})
	err = drain(ctx, c.client, o.timeout)
	stop()
	shown.Wait()
	if failed != nil {
		return failed
	}
	return err
}

// verify shows the number to compare with somebody or, if one is given, notes
// that it is the same.
func verify(ctx context.Context, c *client.Client, who, number string) (string, error) {
	seen, err := c.Compare(ctx, who)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(number) == "" {
		s := fmt.Sprintf("Read these to %s, and let %s read theirs; they must be the same:\n%s", seen.User, seen.User, seen.Number)
		switch {
		case seen.Changed:
			s += fmt.Sprintf("\nThis is with the new key, which is not accepted yet. If they are the same: trust %s %s", seen.User, seen.Fingerprint)
		case seen.Verified:
			s += "\nYou have compared them before."
		default:
			s += fmt.Sprintf("\nIf they are the same: verify %s NUMBER", seen.User)
		}
		return s, nil
	}
	err = c.Verified(ctx, who, number)
	if errors.Is(err, client.ErrDigits) {
		return "", fail(exitKeyChanged, "This is not the number with %s. If it is really what %s reads, someone is in between: send nothing.", seen.User, seen.User)
	}
	if err != nil {
		return "", err
	}
	return seen.User + " is verified.", nil
}

// trust accepts somebody's new key.
func trust(ctx context.Context, c *client.Client, who, digits string) (drafts int, err error) {
	drafts, err = c.Trust(ctx, who, digits)
	if errors.Is(err, client.ErrDigits) {
		return 0, fail(exitKeyChanged, "These are not the first digits (five or more) of %s's new key. See: verify %s", who, who)
	}
	return drafts, err
}

func accepted(who string, drafts int) string {
	s := who + "'s new key is accepted, unverified"
	if drafts > 0 {
		s += "; sending " + count(uint64(drafts), "kept draft")
	}
	return s
}
