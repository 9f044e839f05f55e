package profile

import "sotto/node/store/disk"

// schema is the layout of profile.db. A released step never changes; a new
// layout is a new step. Names compare without the case of ASCII letters.
var schema = disk.Schema{
	Kind: 0x536f7450, // "SotP"
	Steps: []string{`
CREATE TABLE server (        -- at most one row
	one INTEGER PRIMARY KEY CHECK (one = 1),
	key BLOB NOT NULL
);

CREATE TABLE manifest (      -- at most one row: the newest that was seen
	one     INTEGER PRIMARY KEY CHECK (one = 1),
	version INTEGER NOT NULL,
	hash    BLOB NOT NULL,
	body    BLOB NOT NULL
);

CREATE TABLE peer (
	name     TEXT PRIMARY KEY COLLATE NOCASE,
	key      BLOB NOT NULL,    -- the one the user relies on
	changed  BLOB,             -- another one that the manifest shows
	verified INTEGER NOT NULL DEFAULT 0 -- the user has compared key
) WITHOUT ROWID;

CREATE TABLE draft (         -- written and not sent
	pos  INTEGER PRIMARY KEY AUTOINCREMENT,
	peer TEXT NOT NULL COLLATE NOCASE,
	body BLOB NOT NULL
);

CREATE TABLE sequence (      -- of the messages to each peer
	peer TEXT PRIMARY KEY COLLATE NOCASE,
	next INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE outbox (
	pos      INTEGER PRIMARY KEY AUTOINCREMENT,
	id       BLOB NOT NULL UNIQUE,
	peer     TEXT NOT NULL COLLATE NOCASE,
	seq      INTEGER NOT NULL,
	state    INTEGER NOT NULL,
	why      TEXT NOT NULL,
	time     INTEGER NOT NULL,
	envelope BLOB,             -- null once its fate is known
	UNIQUE (peer, seq)
);

CREATE TABLE window (        -- what was received, one for each key of a sender
	sender TEXT NOT NULL COLLATE NOCASE,
	key    BLOB NOT NULL,
	window BLOB NOT NULL,
	PRIMARY KEY (sender, key)
) WITHOUT ROWID;

CREATE TABLE inbox (         -- received and not shown yet
	pos    INTEGER PRIMARY KEY AUTOINCREMENT,
	sender TEXT NOT NULL COLLATE NOCASE,
	id     BLOB NOT NULL,
	time   INTEGER NOT NULL,
	body   BLOB NOT NULL
);
`, `
CREATE TABLE history (       -- at most one row: how the server's keys followed each other
	one  INTEGER PRIMARY KEY CHECK (one = 1),
	body BLOB NOT NULL
);

CREATE TABLE log (           -- at most one row: how far it is known
	one    INTEGER PRIMARY KEY CHECK (one = 1),
	leaves INTEGER NOT NULL,
	head   BLOB NOT NULL
);

CREATE TABLE waiting (       -- signed heads of more leaves, to be compared
	pos  INTEGER PRIMARY KEY,
	head BLOB NOT NULL
);

CREATE TABLE hash (          -- of the tree over the leaves, as tlog numbers them
	n    INTEGER PRIMARY KEY,
	hash BLOB NOT NULL
);

CREATE TABLE entry (         -- the last one of each user
	user  TEXT PRIMARY KEY COLLATE NOCASE,
	entry BLOB NOT NULL
);

CREATE TABLE evidence (      -- against the server
	pos  INTEGER PRIMARY KEY AUTOINCREMENT,
	time INTEGER NOT NULL,
	body BLOB NOT NULL UNIQUE
);
`, `
CREATE TABLE former (        -- ids of the keys that the user's own account was rotated from
	id BLOB PRIMARY KEY
) WITHOUT ROWID;

ALTER TABLE outbox ADD COLUMN draft BLOB; -- the text, sealed to the user himself, while nobody else has the message

CREATE TABLE retired (       -- hashes of keys of devices that were removed
	user TEXT NOT NULL COLLATE NOCASE,
	hash BLOB NOT NULL,
	PRIMARY KEY (user, hash)
) WITHOUT ROWID;
`},
}
