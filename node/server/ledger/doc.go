// Package ledger is the server's side of the log in the default tier: it says
// what the log says of each user now, lets the log grow, and proves to clients
// that it only grows.
//
// Open reads the whole log once. From then on a Ledger is the one that adds to
// it: Enter takes the next entry of a user if it follows the one before by the
// rules of the log, has the store keep it together with what changes of the
// user, signs the new head, and only then answers. What it holds of each user in
// memory is what a login needs: the keys that prove him, and what his password
// became; entries lie in the store. An Account is a snapshot that never changes,
// so a login may keep one while the log grows.
//
// The head is signed with the present key of the host. What is in the log stays
// there: an account's keys are replaced by another entry.
//
// # Limitations
//
// The folder of a server belongs to one process, and so does its log. Open reads
// every leaf, which takes some seconds for a hundred thousand of them.
package ledger
