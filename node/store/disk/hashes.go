package disk

import "database/sql"

// Hashes reads rows of a position below n and a hash into a list of n, and says how
// many there were. It closes the rows.
func Hashes[H ~[32]byte](rows *sql.Rows, n int) (hashes []H, found int, err error) {
	defer rows.Close()
	hashes = make([]H, n)
	for ; rows.Next(); found++ {
		var i int
		var hash sql.RawBytes
		if err := rows.Scan(&i, &hash); err != nil {
			return nil, 0, err
		}
		copy(hashes[i][:], hash)
	}
	return hashes, found, rows.Err()
}
