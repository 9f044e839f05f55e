package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"sotto/node/client"
)

// renderDevices gives the lines of `devices`.
func renderDevices(devices []client.Device) string {
	var lines []string
	for _, d := range devices {
		name := printable(d.Name)
		if name == "" {
			name = "(no name)"
		}
		line := fmt.Sprintf("%s, since %s, key %s", name, d.Since.Local().Format("2 Jan 2006 15:04"), d.Fingerprint)
		if d.This {
			line += ", this device"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// removeDevice takes a device out of the account. Only the password unlocks what
// signs that.
func (c *connection) removeDevice(ctx context.Context, o *options, in *bufio.Reader) error {
	cfg, err := c.unlocked(ctx, o, in)
	if err != nil {
		return err
	}
	err = client.RemoveDevice(ctx, *cfg, strings.Join(o.args, ""))
	switch {
	case errors.Is(err, client.ErrNoDevice):
		return fail(exitUsage, "%s. See: sotto -u %s devices", upper(client.ErrNoDevice.Error()), printable(o.user))
	case errors.Is(err, client.ErrThisDevice):
		return fail(exitUsage, "%s. Nothing was done; remove it at another.", upper(client.ErrThisDevice.Error()))
	case err != nil:
		return err
	}
	fmt.Println("The device is removed. Who has it cannot log in, nor read what is written from now on.")
	return nil
}
