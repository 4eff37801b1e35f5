package feed

import (
	"bufio"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"time"

	"github.com/gaissmai/bart"
)

var (
	errTooLarge   = errors.New("is larger than max_size")
	errNonsense   = errors.New("nothing in it is understood")
	errMISPIsGood = errors.New("is a MISP warning list, which says what is harmless: it belongs under allow, or needs format: misp")
)

// reading is how to read a list.
type reading struct {
	source    *Source
	format    Format
	maxSize   int64
	maxAge    time.Duration
	notPublic *bart.Lite
	seed      maphash.Seed
	grant     func() int
}

// parse reads a list to its end. What of it is wrong is counted in the set; the
// error says why all of it is.
func (o reading) parse(content io.Reader, now time.Time) (*set, error) {
	counted := &counted{r: content, left: o.maxSize, seen: maphash.Hash{}}
	counted.seen.SetSeed(o.seed)
	r := bufio.NewReaderSize(counted, headSize)
	head, err := r.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(head) >= 3 && string(head[:3]) == "\xef\xbb\xbf" { // byte order mark
		if _, err := r.Discard(3); err != nil {
			return nil, err
		}
		head = head[3:]
	}
	format, err := o.formatOf(head)
	if err != nil {
		return nil, err
	}
	b := &builder{
		set:    &set{source: o.source, tags: []tag{{}}},
		public: !o.source.Private && !o.source.Allow, notPublic: o.notPublic,
		now: now, maxAge: o.maxAge, grant: o.grant, tags: map[tag]uint16{},
	}
	if err := parserOf(format)(r, b); err != nil {
		return nil, fmt.Errorf("read as %s: %w", format, err)
	}
	s := b.set
	s.format, s.sum, s.size = format, counted.seen.Sum64(), counted.n
	return s.finish()
}

// finish packs the set; one in which nothing makes sense is an error.
func (s *set) finish() (*set, error) {
	if s.understood() == 0 {
		if len(s.refused.First) > 0 {
			return nil, fmt.Errorf("%w: %d lines, %s", errNonsense, s.refused.Broken(), s.refused.First[0])
		}
		return nil, errEmpty
	}
	s.v4.pack()
	s.v6.pack()
	s.nets4.pack()
	s.nets6.pack()
	s.text = packed(s.text)
	return s, nil
}

func (o reading) formatOf(head []byte) (Format, error) {
	if o.format != Auto {
		return o.format, refuseAnyway(head)
	}
	f, err := recognise(head)
	if err == nil && f == MISP && !o.source.Allow {
		return "", errMISPIsGood
	}
	return f, err
}

func parserOf(f Format) func(*bufio.Reader, *builder) error {
	switch f {
	case Hosts:
		return parseHosts
	case Feodo:
		return parseFeodo
	case Spamhaus:
		return parseSpamhaus
	case STIX:
		return parseSTIX
	case MISP:
		return parseMISP
	default:
		return parseList
	}
}

// counted bounds and sums what is read.
type counted struct {
	r    io.Reader
	left int64
	n    int64
	seen maphash.Hash
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if int64(n) > c.left {
		return 0, errTooLarge
	}
	c.left -= int64(n)
	c.n += int64(n)
	c.seen.Write(p[:n])
	return n, err
}
