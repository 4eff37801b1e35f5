package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Bounds of what is held of a JSON document at once: one object or string, and the
// levels that are open.
const (
	maxValue = 1 << 20
	maxDepth = 1000
)

var errValueTooLarge = errors.New("a value of more than 1 MiB")

// document reads one JSON object value by value.
type document struct {
	*json.Decoder
	metered *metered
}

func newDocument(r io.Reader) document {
	m := &metered{r: r}
	return document{json.NewDecoder(m), m}
}

// metered ends with an error when more is read than was granted.
type metered struct {
	r    io.Reader
	left int
}

func (m *metered) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errValueTooLarge
	}
	n, err := m.r.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}

// Token and Decode grant each value its share anew.
func (d document) Token() (json.Token, error) {
	d.metered.left = maxValue
	return d.Decoder.Token()
}

func (d document) Decode(v any) error {
	d.metered.left = maxValue
	return d.Decoder.Decode(v)
}

func (d document) More() bool {
	d.metered.left = maxValue
	return d.Decoder.More()
}

// each calls take with each key of the object; it has to read the value.
func (d document) each(take func(key string) error) error {
	if err := d.expect(json.Delim('{')); err != nil {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if err := take(key.(string)); err != nil {
			return err
		}
	}
	if err := d.expect(json.Delim('}')); err != nil {
		return err
	}
	switch _, err := d.Token(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return errors.New("more than one JSON value")
}

// elements calls take for each element of an array; it has to read it.
func (d document) elements(take func(n int) error) error {
	if err := d.expect(json.Delim('[')); err != nil {
		return err
	}
	for n := 1; d.More(); n++ {
		if err := take(n); err != nil {
			return err
		}
	}
	return d.expect(json.Delim(']'))
}

func (d document) expect(want json.Delim) error {
	switch got, err := d.Token(); {
	case err != nil:
		return err
	case got != want:
		return fmt.Errorf("expected %v, found %v", want, got)
	}
	return nil
}

// skip reads a value of any size and drops it. The decoder keeps a word for each
// level, hence the bound.
func (d document) skip() error {
	for depth := 0; depth < maxDepth; {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
	return errors.New("nested too deeply")
}

// mistyped tells whether a value was read whole and is of another type than expected.
func mistyped(err error) bool {
	_, is := errors.AsType[*json.UnmarshalTypeError](err)
	return is
}
