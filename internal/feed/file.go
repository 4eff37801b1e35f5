package feed

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// racy is how recent a change must be to go unseen by the time of the file: file
// systems count in steps of up to two seconds.
const racy = 2 * time.Second

// file is a list in a file, which may be replaced, rewritten, or behind a link that
// changes (as in a volume of a ConfigMap).
type file struct {
	path    string
	maxSize int64
	now     func() time.Time
}

// fileVersion is what the file system said of the file that was read.
type fileVersion struct {
	info   fs.FileInfo
	recent bool // it may have been changed again within the same time
}

func (f file) open(ctx context.Context, kept version) (io.ReadCloser, version, error) {
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular():
		return nil, nil, errors.New("is no regular file")
	case info.Size() > f.maxSize:
		return nil, nil, errTooLarge
	}
	if old, known := kept.(fileVersion); known && !old.recent && sameFile(old.info, info) {
		return nil, nil, errUnchanged
	}
	opened, err := os.Open(f.path)
	if err != nil {
		return nil, nil, err
	}
	recent := f.now().Sub(info.ModTime()) < racy
	return cancelled{opened, ctx}, fileVersion{info, recent}, nil
}

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
