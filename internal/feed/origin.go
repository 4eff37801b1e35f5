package feed

import (
	"context"
	"errors"
	"io"
)

// errUnchanged says that the content is that of the last version that was kept.
var errUnchanged = errors.New("is unchanged")

// origin is where a list comes from.
type origin interface {
	// open returns the content, or errUnchanged. A version is an opaque mark of it.
	open(ctx context.Context, kept version) (io.ReadCloser, version, error)
}

// version marks a content, so that the origin can tell whether there is another one.
type version interface{}

// cancelled ends reading when the context ends, which files do not know.
type cancelled struct {
	io.ReadCloser
	ctx context.Context
}

func (c cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.ReadCloser.Read(p)
}
