package store

import (
	"testing"
)

// "Embedded SQLite, WAL, synchronous=FULL": a wrong word in the options would
// be passed over in silence, and only a power cut would tell.
func TestDurabilityOptions(t *testing.T) {
	s := mustOpen(t, stateDir(t))
	defer s.Close()
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "5000", "trusted_schema": "0"} {
		var got string
		if err := s.db.Write.Row("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
		}
	}
}
