// Package store holds the state that a server must not forget: users and
// their records, mailboxes with the envelopes that wait in them, the marks of
// what was used once, and the directory: the log's leaves with the hashes of
// their tree, or in the classic tier the signed manifest.
//
// It promises that what Do reported is on the disk and seen by every read
// that follows, that it survives kill -9 and power cuts, and that an envelope
// stands in a mailbox once however often it is sent.
//
// All changes go one way. Do encodes an Op (spec/store.wire) and hands it to
// the committer, which groups the ops that wait into a batch; the sequencer
// gives the batch a position and makes it durable; applyBatch applies it in
// one SQLite transaction and says to each caller what came of it. Applying
// reads no clock and no configuration, so that nodes which apply the same
// batches in the same order hold the same state. The sequencer here is the
// local one, where the log is SQLite's own journal.
//
//	Do ──► committer ──► sequencer.Submit ──► applyBatch ──► SQLite
//	                                              └──► attachments: push
//
// A leaf of the log and what it changes of its user are one operation, so no
// server ever holds one without the other. The tree's hashes are computed while
// applying, by golang.org/x/mod/sumdb/tlog, whose proofs read them through Hashes.
//
// What it does not do: it opens no envelope and checks no signature or entry, it has
// no clock (somebody must propose Expire once a minute), and its file never
// shrinks, though room that became free is used again.
package store
