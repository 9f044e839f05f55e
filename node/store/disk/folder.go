package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// A Folder is a private folder (mode 0700) that this process holds a lock on.
type Folder struct {
	path string
	lock *os.File
}

// A LockedError says that another process (or another Open in this one) holds
// the folder.
type LockedError struct {
	Path string
	PID  int // 0 if unknown
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is locked by another process", e.Path)
	}
	return fmt.Sprintf("%s is locked by process %d", e.Path, e.PID)
}

// An InsecureError says why a file or folder may not be trusted, and what to
// do about it.
type InsecureError struct {
	Path, Why string
}

func (e *InsecureError) Error() string { return e.Path + " " + e.Why }

// OpenFolder opens the folder and locks it until Close. Where there is none
// it makes one, with the folders above it. A folder that belongs to somebody
// else or that others may look into is an *InsecureError, one that is open
// already a *LockedError.
func OpenFolder(path string) (*Folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := private(path, st, true); err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(path, "lock"))
	if locked, ok := errors.AsType[*LockedError](err); ok {
		locked.Path = path
	}
	if err != nil {
		return nil, err
	}
	return &Folder{path, lock}, nil
}

// Path is the absolute path of a file in the folder.
func (f *Folder) Path(name string) string { return filepath.Join(f.path, name) }

// Close gives the lock back. The lock file stays: removing it would let two
// processes hold locks on two files of one name.
func (f *Folder) Close() error {
	f.lock.Truncate(0) // the number in it is only for people
	return f.lock.Close()
}

// Lock takes a lock on a file, which it makes if there is none, until release. The error
// is a *LockedError if somebody has it.
func Lock(path string) (release func() error, err error) {
	f, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	return f.Close, nil
}

// lockFile takes the lock on the file and writes the number of this process
// into it.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	if err := checkOpen(path, f); err != nil {
		f.Close()
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &fs.PathError{Op: "flock", Path: path, Err: err}
		}
		number, _ := io.ReadAll(io.LimitReader(f, 20))
		pid, _ := strconv.Atoi(strings.TrimSpace(string(number)))
		return nil, &LockedError{path, pid}
	}
	f.Truncate(0) // a lock without a number holds as well
	f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return f, nil
}

// checkOpen reports why an open file may not be trusted.
func checkOpen(path string, f *os.File) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	return private(path, st, false)
}

// private reports why a file or folder may not be trusted: it is of another
// kind, of another owner, or others may open it.
func private(path string, st fs.FileInfo, folder bool) error {
	switch {
	case folder && !st.IsDir():
		return &InsecureError{path, "is not a folder"}
	case !folder && !st.Mode().IsRegular():
		return &InsecureError{path, "is not a regular file"}
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && int(sys.Uid) != os.Geteuid() {
		return &InsecureError{path, fmt.Sprintf("belongs to user id %d, not to user id %d that runs this program", sys.Uid, os.Geteuid())}
	}
	if perm := st.Mode().Perm(); perm&0o077 != 0 {
		return &InsecureError{path, fmt.Sprintf("is open to other users (mode %04o); close it with: chmod %04o %s", perm, perm&0o700, path)}
	}
	return nil
}
