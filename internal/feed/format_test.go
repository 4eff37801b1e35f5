package feed

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsNoList(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    error
	}{
		"nothing":                {"", errEmpty},
		"white space":            {" \r\n\t\n", errEmpty},
		"comments":               {"# a\n# b\n", errEmpty},
		"an empty bundle":        {`{"type":"bundle","objects":[]}`, errEmpty},
		"binary":                 {"\x7fELF\x02\x01\x01\x00\x00", errBinary},
		"UTF-16":                 {"\xff\xfe1\x009\x008\x00", errBinary},
		"a page":                 {"<!DOCTYPE html>\n<p>example.com\n", errMarkup},
		"noise":                  {strings.Repeat("\x81\x82 \x83", 100), errNonsense},
		"sentences":              {"This file was moved.\nPlease see the new one.\n", errNonsense},
		"an object":              {`{"error":"no such list"}`, errUnknown},
		"an object that ends":    {`{"error":`, errUnknown},
		"an array":               {`["198.18.0.1"]`, errUnknown},
		"what is harmless":       {`{"list":["198.18.0.1"],"type":"cidr"}`, errMISPIsGood},
		"too much":               {strings.Repeat("198.18.0.1\n", 1<<20), errTooLarge},
		"a document that ends":   {`{"type":"bundle","objects":[{"type":"indicator"}`, nil},
		"an object that ends 2":  {`{"type":"bundle","objects":[{"type":"indi`, nil},
		"two documents":          {`{"objects":[]} {"objects":[]}`, nil},
		"text behind a document": {`{"objects":[]} # end`, nil},
		"objects that are none":  {`{"objects":7}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := readingOf(Auto)
			r.maxSize = 10 << 20
			set, err := r.parse(strings.NewReader(c.content), noon)
			require.Error(t, err)
			require.Nil(t, set)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
		})
	}
}

func TestTheFirstBrokenLinesAreNamed(t *testing.T) {
	_, err := readingOf(Auto).parse(strings.NewReader("# x\nFor sale: this domain.\n"), noon)
	require.EqualError(t, err, `nothing in it is understood: 1 lines, line 2: malformed: "For sale: this domain."`)
}

func TestAByteOrderMarkIsNoPartOfTheList(t *testing.T) {
	set := readingOf(Auto).mustParse(t, "\xef\xbb\xbf198.18.0.1\n")
	require.Equal(t, 1, set.count[Address])
	require.Zero(t, set.refused.Broken())
}

func TestAReadErrorIsNoEndOfTheList(t *testing.T) {
	lost := errors.New("connection lost")
	for name, content := range map[string]string{
		"before anything": "", "in a list": "198.18.0.1\n198.18.0.", "in a document": `{"objects":[{"type":"x"},`,
		"after much": strings.Repeat("198.18.0.1\n", 20000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readingOf(Auto).parse(&failing{strings.NewReader(content), lost}, noon)
			require.ErrorIs(t, err, lost)
		})
	}
}

// failing ends with an error instead of EOF.
type failing struct {
	*strings.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil {
		err = f.err
	}
	return n, err
}
