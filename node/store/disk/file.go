package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ReadFile reads a private file of at most max bytes. A file that belongs to
// somebody else, that others may open, or that is no regular file is an
// *InsecureError; it is not read then.
func ReadFile(path string, max int) ([]byte, error) {
	// Without O_NONBLOCK a pipe of that name would hold us up.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := checkOpen(path, f); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(max)+1))
	if err != nil {
		return nil, err
	}
	if len(b) > max {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, max)
	}
	return b, nil
}

// WriteFile puts b into the file with mode 0600, durably: after a crash the
// file holds its old bytes or its new ones, whole.
func WriteFile(path string, b []byte) error {
	return writeFile(path, b, os.Rename)
}

// CreateFile is WriteFile for a file that must not exist yet; where one does,
// it is left alone and the error is fs.ErrExist.
func CreateFile(path string, b []byte) error {
	return writeFile(path, b, func(from, to string) error {
		// Unlike a rename, a link never replaces what is there.
		if err := os.Link(from, to); err != nil {
			if errors.Is(err, fs.ErrExist) {
				return &fs.PathError{Op: "create", Path: to, Err: fs.ErrExist}
			}
			return err
		}
		return os.Remove(from)
	})
}

// writeFile writes a new file beside path and lets place give it its name.
func writeFile(path string, b []byte, place func(from, to string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it has its name
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := place(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(dir)
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
