package profile

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// "Process killed between encrypt and send, and between receive and persist;
// restart → no message lost", and no number used twice for what may have
// left.
func TestAttack60KilledClient(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "profile")
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	random := rand.New(rand.NewPCG(1, 2))
	sent := map[string]string{}   // number to id
	received := map[string]bool{} // ids
	shown := map[string]bool{}    // ids whose Shown returned
	for round := range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "PROFILE_TEST_CRASH="+dir, fmt.Sprint("PROFILE_TEST_ROUND=", round))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		limit, lines := 1+random.IntN(300), 0
		for scan := bufio.NewScanner(out); scan.Scan(); lines++ {
			var id, seq string
			word := strings.Fields(scan.Text())
			switch word[0] {
			case "sent":
				id, seq = word[1], word[2]
				if other, twice := sent[seq]; twice {
					t.Errorf("number %s was given to %s and %s", seq, other, id)
				}
				sent[seq] = id
			case "received":
				received[word[1]] = true
			case "shown":
				shown[word[1]] = true
			}
			if lines == limit {
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
		if lines < limit {
			t.Fatalf("round %d: the child ended by itself", round)
		}

		p := openProfile(t, dir)
		outbox, err := p.Outbox(ctx)
		check(t, err)
		have := map[string]bool{}
		numbers := map[uint64]bool{}
		for _, out := range outbox {
			have[strings.TrimRight(string(out.ID[:]), "\x00")] = true
			if numbers[out.Seq] {
				t.Errorf("number %d is there twice", out.Seq)
			}
			numbers[out.Seq] = true
		}
		for n := uint64(1); n <= uint64(len(numbers)); n++ {
			if !numbers[n] {
				t.Errorf("number %d is missing", n)
			}
		}
		for seq, id := range sent {
			if !have[id] {
				t.Errorf("message %s, number %s, is lost", id, seq)
			}
		}
		inbox, err := p.Unshown(ctx, 0, 1_000_000)
		check(t, err)
		unshown := map[string]bool{}
		for _, in := range inbox {
			id := strings.TrimRight(string(in.ID[:]), "\x00")
			if unshown[id] || shown[id] {
				t.Errorf("%s is there again", id)
			}
			unshown[id] = true
		}
		// The window holds the id of all that was received, and each of
		// them is in the inbox or was shown.
		check(t, p.Receive(ctx, Sender{Name: "Alice"}, func(window []byte) ([]byte, *Incoming, error) {
			doubt := 0
			for id := range received {
				if !strings.Contains(string(window), id+",") {
					t.Errorf("%s was received and is not in the window", id)
				}
				if !unshown[id] && !shown[id] {
					doubt++
				}
			}
			// It may have been killed between Shown and saying so.
			if doubt > round+1 {
				t.Errorf("%d were received and are lost", doubt)
			}
			for id := range unshown {
				if !strings.Contains(string(window), id+",") {
					t.Errorf("%s is in the inbox and not in the window", id)
				}
			}
			return nil, nil, nil
		}))
		check(t, p.Close())
	}
	t.Logf("%d sent, %d received, %d shown in %d rounds", len(sent), len(received), len(shown), rounds)
}

// crashChild sends and receives until it is killed.
func crashChild(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	p, err := Open(dir)
	fail(err)
	round := os.Getenv("PROFILE_TEST_ROUND")
	say := func(format string, args ...any) { // one write, so a line is whole or not there
		os.Stdout.WriteString(fmt.Sprintf(format, args...) + "\n")
	}
	for w := range 4 {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%s-%d-%d", round, w, n)
				out, err := p.Send(ctx, "Alice", 1, sealAs(id))
				fail(err)
				say("sent %s %d", id, out.Seq)
			}
		}()
	}
	for n := 0; ; n++ {
		id := fmt.Sprintf("%s-in-%d", round, n)
		var in *Incoming
		fail(p.Receive(ctx, Sender{Name: "Alice"}, func(window []byte) (next []byte, _ *Incoming, err error) {
			next, in, err = takeAs(id + ",")(window)
			in.ID = [16]byte{}
			copy(in.ID[:], id)
			return next, in, err
		}))
		say("received %s", id)
		if n%2 == 0 {
			fail(p.Shown(ctx, in.Pos))
			say("shown %s", id)
		}
	}
}

// "kill −9 at every write of the state directory → old or new state, never
// mixed." All that a commit writes goes to the end of the journal, so cutting
// the journal anywhere is a crash at that write.
func TestAttack66CrashAtEveryWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "profile")
	p := openProfile(t, dir)
	for n := range 3 {
		_, err := p.Send(ctx, "Alice", 1, sealAs(fmt.Sprint("out", n)))
		check(t, err)
		check(t, p.Receive(ctx, Sender{Name: "Alice"}, takeAs(fmt.Sprint("in", n, ","))))
	}
	db, err := os.ReadFile(filepath.Join(dir, "profile.db"))
	check(t, err)
	journal, err := os.ReadFile(filepath.Join(dir, "profile.db-wal"))
	check(t, err)
	check(t, p.Close())

	const frame = 4096 + 24
	states := map[string]bool{}
	for cut := 32; cut <= len(journal); cut += frame {
		for _, end := range []int{cut, min(cut+1000, len(journal))} { // between two frames, and within one
			dir := filepath.Join(t.TempDir(), "cut")
			check(t, os.Mkdir(dir, 0o700))
			check(t, os.WriteFile(filepath.Join(dir, "profile.db"), db, 0o600))
			check(t, os.WriteFile(filepath.Join(dir, "profile.db-wal"), journal[:end], 0o600))
			p := openProfile(t, dir)
			outbox, err := p.Outbox(ctx)
			check(t, err)
			inbox, err := p.Unshown(ctx, 0, 100)
			check(t, err)
			ids := ""
			for _, in := range inbox {
				ids += strings.TrimRight(string(in.ID[:]), "\x00")
			}
			check(t, p.Receive(ctx, Sender{Name: "Alice"}, func(window []byte) ([]byte, *Incoming, error) {
				if string(window) != ids {
					t.Errorf("journal cut at %d: window %q, inbox %q", end, window, ids)
				}
				return nil, nil, nil
			}))
			out, err := p.Send(ctx, "Alice", 1, sealAs("next"))
			check(t, err)
			if want := uint64(len(outbox) + 1); out.Seq != want {
				t.Errorf("journal cut at %d: %d messages in the outbox, the next has number %d", end, len(outbox), out.Seq)
			}
			states[fmt.Sprint(len(outbox), len(inbox))] = true
			check(t, p.Close())
		}
	}
	if len(states) != 7 {
		t.Errorf("saw the states %v, want each of the 7 between the changes", states)
	}
}
