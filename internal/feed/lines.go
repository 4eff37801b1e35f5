package feed

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// lines reads text line by line and never holds more than the reader's buffer,
// however long a line is.
type lines struct {
	r *bufio.Reader
	n int // number of the last line, from 1
}

// next returns the following line without the white space around it; it is valid
// until the next call. Of a line that is longer than the buffer it returns the
// beginning, and long. At the end the error is io.EOF.
func (l *lines) next() (line []byte, long bool, err error) {
	line, err = l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line = bytes.Clone(line[:excerpt])
		long = true
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = l.r.ReadSlice('\n')
		}
	}
	if errors.Is(err, io.EOF) && len(line) > 0 {
		err = nil // the last line has no end
	}
	l.n++
	return bytes.TrimSpace(line), long, err
}

// eachLine calls take for each line that is neither empty nor longer than can be
// read; the longer ones are refused.
func eachLine(r *bufio.Reader, b *builder, take func(n int, line []byte)) error {
	all := lines{r: r}
	for {
		line, long, err := all.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case long:
			b.refuse(all.n, string(line), TooLong)
		case len(line) > 0:
			take(all.n, line)
		}
	}
}

// cutField cuts off the first field of a line.
func cutField(line []byte) (field, rest []byte) {
	i := bytes.IndexAny(line, " \t")
	if i < 0 {
		return line, nil
	}
	return line[:i], bytes.TrimLeft(line[i:], " \t")
}
