// Package disk holds what the server's store and a client's profile have in
// common: a private folder that one process at a time may open, small private
// files that are replaced whole, an SQLite database in such a folder, and a
// group that lets many callers share one transaction.
//
// It promises that nothing it opens can be read or written by another user of
// the machine, and that what a transaction or WriteFile reported as done
// survives the process being killed and the power being cut, as far as the
// disk keeps its word about flushes.
//
// It needs a Unix: the checks speak of owners and modes, the lock is flock.
// A folder on a network file system is as good as that system's flock.
package disk
