package store

import "sotto/node/store/disk"

// schema is the layout of state.db. A released step never changes; a new
// layout is a new step.
//
// Names compare without the case of ASCII letters, which is what NOCASE does.
// Unsigned 64-bit numbers that need no order are kept as the signed numbers
// with the same bits.
var schema = disk.Schema{
	Kind: 0x536f7453, // "SotS"
	Steps: []string{`
CREATE TABLE state (         -- one row
	one     INTEGER PRIMARY KEY CHECK (one = 1),
	pos     INTEGER NOT NULL,  -- of the last batch applied
	tick    INTEGER NOT NULL,  -- expire operations so far, see Expire
	tick_at INTEGER NOT NULL   -- clock of the last one that counted, ms
);
INSERT INTO state VALUES (1, 0, 0, 0);

CREATE TABLE user (
	name    TEXT PRIMARY KEY COLLATE NOCASE,
	mailbox BLOB NOT NULL UNIQUE,
	rev     INTEGER NOT NULL,
	record  BLOB NOT NULL
);

CREATE TABLE mailbox (       -- apart from user, as it changes with each envelope
	id        BLOB PRIMARY KEY,
	owner     TEXT NOT NULL COLLATE NOCASE,
	envelopes INTEGER NOT NULL,
	bytes     INTEGER NOT NULL,
	notes     INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE item (          -- envelopes and notes
	seq     INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice
	mailbox BLOB NOT NULL,
	kind    INTEGER NOT NULL,
	peer    TEXT NOT NULL COLLATE NOCASE,
	id      BLOB NOT NULL,
	at      INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	body    BLOB NOT NULL
);
CREATE UNIQUE INDEX item_once ON item (mailbox, kind, peer, id);
CREATE INDEX item_order ON item (mailbox, seq);
CREATE INDEX item_note ON item (mailbox, seq) WHERE kind > 0;
CREATE INDEX item_expires ON item (expires);

CREATE TABLE gone (          -- envelopes that were acked or refused
	mailbox BLOB NOT NULL,
	peer    TEXT NOT NULL COLLATE NOCASE,
	id      BLOB NOT NULL,
	seq     INTEGER NOT NULL,
	until   INTEGER NOT NULL,
	why     INTEGER NOT NULL,  -- the kind of the note that its sender got
	PRIMARY KEY (mailbox, peer, id)
) WITHOUT ROWID;
CREATE INDEX gone_until ON gone (until);

CREATE TABLE mark (          -- what was used once
	key     BLOB PRIMARY KEY,
	expires INTEGER NOT NULL,
	tick    INTEGER NOT NULL   -- state.tick when it was set
) WITHOUT ROWID;
CREATE INDEX mark_expires ON mark (expires);

CREATE TABLE manifest (      -- at most one row
	one     INTEGER PRIMARY KEY CHECK (one = 1),
	version INTEGER NOT NULL,
	body    BLOB NOT NULL
);

CREATE TABLE value (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
) WITHOUT ROWID;
`, `
CREATE TABLE leaf (          -- of the log
	n        INTEGER PRIMARY KEY, -- from 0, without gaps
	rev      INTEGER NOT NULL,    -- that its user got with it
	proposal BLOB NOT NULL,       -- SHA-256 of the StoreEnter
	entry    BLOB NOT NULL
);

CREATE TABLE hash (          -- of the tree over the leaves, as tlog numbers them
	n    INTEGER PRIMARY KEY,
	hash BLOB NOT NULL
);
`},
}
