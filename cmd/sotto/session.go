package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"sotto/node/client"
)

// A session is line mode: commands from the screen, events to it.
type session struct {
	screen screen
	client *client.Client
	user   string
	server string
	how    string // how the server's key is known
	invite func(context.Context) (string, error)

	wait   time.Duration // how long the end waits for what is open
	failed *failure      // the latest command that failed; it decides the exit code in a pipe
	lost   *failure      // a message failed; show's until it ends
	over   *failure      // why the client gave up; show's until it ends
}

// run takes commands until the end of input or an interruption, and then waits
// until the fate of every message is said.
func (s *session) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var events sync.WaitGroup
	events.Go(func() {
		defer stop()
		s.show(ctx)
	})
	err := s.commands(ctx)
	if err == nil {
		err = s.drain(ctx)
	}
	stop()
	events.Wait()
	if s.over != nil {
		return s.over
	}
	switch {
	case err != nil:
		return err
	case s.failed != nil: // its line was said when it happened
		return &failure{code: s.failed.code}
	case s.lost != nil:
		return s.lost
	}
	return nil
}

// show prints events until the client ends or ctx does. A message is marked as
// shown after it was printed; one that can't be printed ends the session.
func (s *session) show(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case e, ok := <-s.client.Events():
			if !ok {
				return
			}
			if ended, ok := e.(client.Ended); ok {
				s.over = explain(ended.Why, s.user, s.server)
				continue // said at the end, once
			}
			if text, wrong := render(e, s.user, s.server, s.how); text != "" {
				if err := s.screen.say(text, wrong); err != nil {
					s.over = fail(exitInternal, "%v What was not shown is kept for the next chat.", err)
					return
				}
			}
			switch e := e.(type) {
			case client.Message:
				if err := s.client.Shown(context.WithoutCancel(ctx), e); err != nil {
					s.screen.say("cannot note that it was shown: "+err.Error(), true)
				}
			case client.StateChanged:
				if e.State == client.Failed {
					s.lost = &failure{code: exitNotDelivered}
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

// commands reads and does one command a line.
func (s *session) commands(ctx context.Context) error {
	type input struct {
		text string
		err  error
	}
	lines := make(chan input)
	go func() { // ends with the program: a read from a terminal cannot be taken back
		for {
			text, err := s.screen.line()
			select {
			case lines <- input{text, err}:
			case <-ctx.Done():
				return
			}
			if err != nil && !tooLong(err) {
				return
			}
		}
	}()
	for {
		select {
		case in := <-lines:
			switch {
			case errors.Is(in.err, io.EOF):
				return nil
			case errors.Is(in.err, errInterrupted):
				return fail(exitInterrupted, "")
			case tooLong(in.err):
				s.wrong(fail(exitUsage, "%s. Nothing was sent.", upper(in.err.Error())))
				continue
			case in.err != nil:
				return fail(exitInternal, "Cannot read the input: %v.", in.err)
			}
			if quit := s.command(ctx, in.text); quit {
				return nil
			}
		case <-ctx.Done():
			return context.Canceled
		}
	}
}

func tooLong(err error) bool {
	return errors.Is(err, errLineTooLong) || errors.Is(err, errEditorFull)
}

// command does one line. It reports whether it was the last one.
func (s *session) command(ctx context.Context, line string) (quit bool) {
	word, rest := cut(line)
	var err error
	switch word {
	case "":
	case "list":
		err = s.list(ctx)
	case "send":
		who, text := cut(rest)
		if who == "" {
			err = usage("send")
			break
		}
		_, err = s.client.Send(ctx, who, text)
	case "verify":
		who, number := cut(rest)
		if who == "" {
			err = usage("verify")
			break
		}
		var text string
		if text, err = verify(ctx, s.client, who, number); err == nil {
			err = s.screen.say(text, false)
		}
	case "trust":
		who, digits := cut(rest)
		if who == "" || digits == "" {
			err = usage("trust")
			break
		}
		err = s.trust(ctx, who, digits)
	case "invite":
		var link string
		if link, err = s.invite(ctx); err == nil {
			err = s.screen.say(link, false)
		}
	case "devices":
		var devices []client.Device
		if devices, err = s.client.Devices(ctx); err == nil {
			err = s.screen.say(renderDevices(devices), false)
		}
	case "help", "?":
		err = s.screen.say(strings.TrimSuffix(promptHelp, "\n"), false)
	case "quit", "exit":
		return true
	default:
		err = fail(exitUsage, "No command %q. Commands: list, send, verify, trust, invite, devices, help, quit.", printable(word))
	}
	if err != nil && ctx.Err() == nil {
		s.wrong(explain(err, s.user, s.server))
	}
	return false
}

func usage(name string) error {
	return fail(exitUsage, "Usage: %s %s", name, commands[name].usage)
}

// wrong says that a command failed.
func (s *session) wrong(f *failure) {
	s.failed = f
	s.screen.say(f.line, true)
}

// cut takes the first word off a line. The rest of the line is kept as it is,
// with its inner spaces; one space ends the word.
func cut(line string) (word, rest string) {
	word, rest, _ = strings.Cut(strings.TrimLeft(line, " "), " ")
	return word, rest
}

func (s *session) list(ctx context.Context) error {
	users, err := s.client.List(ctx)
	if err != nil {
		return err
	}
	return s.screen.say(renderList(users, s.client.User()), false)
}

func (s *session) trust(ctx context.Context, who, digits string) error {
	drafts, err := trust(ctx, s.client, who, digits)
	if err != nil {
		return err
	}
	return s.screen.say(accepted(who, drafts), false)
}

// drain waits until the fate of every message is said, at most s.wait.
func (s *session) drain(ctx context.Context) error { return drain(ctx, s.client, s.wait) }

// drain says which messages are still open when the time is over.
func drain(ctx context.Context, c *client.Client, wait time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	open, err := c.Drain(waiting)
	switch {
	case errors.Is(err, client.ErrClosed):
		return nil // the reason is said by the event
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case len(open) == 0:
		return nil
	}
	var lines []string
	for _, o := range open {
		where := "it is kept here and goes out with the next start"
		if o.Held {
			where = "the server holds it"
		}
		lines = append(lines, fmt.Sprintf("Message %s to %s not delivered within %v; %s.", o.ID.Short(), o.To, wait, where))
	}
	return &failure{exitNotDelivered, strings.Join(lines, "\n")}
}
