package feed

import (
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// repeated is a text many times over, without holding it.
func repeated(text string, times int) io.Reader {
	readers := make([]io.Reader, times)
	for i := range readers {
		readers[i] = strings.NewReader(text)
	}
	return io.MultiReader(readers...)
}

// allocated is how much memory a function took from the heap, freed or not, in MiB.
func allocated(f func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc-before.TotalAlloc) / (1 << 20)
}

func TestAHugeLineIsCountedAndNotHeld(t *testing.T) {
	const mega = 1 << 20
	huge := strings.Repeat("x", mega)
	for _, format := range []Format{List, Hosts, Feodo, Spamhaus} {
		t.Run(string(format), func(t *testing.T) {
			first := map[Format]string{
				List: "198.18.0.1\n", Hosts: "0.0.0.0 a.example\n", Feodo: "dst_ip,x\n198.18.0.1,\n", Spamhaus: `{"cidr":"198.18.0.0/24"}` + "\n",
			}[format]
			last := strings.NewReplacer("dst_ip,x\n", "", "198.18.0.", "198.18.1.").Replace(first)
			content := io.MultiReader(strings.NewReader(first), repeated(huge, 100), strings.NewReader("\n"+last))
			var set *set
			var err error
			took := allocated(func() { set, err = readingOf(Auto).parse(content, noon) })
			require.NoError(t, err)
			require.Equal(t, format, set.format)
			require.Equal(t, 2, set.entries(), "what stands behind the line is read")
			require.Equal(t, 1, set.refused.Count[TooLong])
			require.Equal(t, strings.Repeat("x", excerpt), set.refused.First[0].Text)
			require.Less(t, took, 1.0)
		})
	}
}

func TestAMillionBrokenLinesAreCountedAndTheFirstAreNamed(t *testing.T) {
	content := io.MultiReader(strings.NewReader("# head\n198.18.0.1\n"), repeated("this is no address\n", million))
	set, err := readingOf(Auto).parse(content, noon)
	require.NoError(t, err)
	require.Equal(t, 1, set.entries())
	require.Equal(t, million, set.refused.Count[Malformed])
	require.Len(t, set.refused.First, samples)
	require.Equal(t, Refusal{At: 3, Text: "this is no address", Reason: Malformed}, set.refused.First[0])
}

func TestHugeBinaryIsRefusedAndNotHeld(t *testing.T) {
	for name, block := range map[string]string{"with zeros": "\x00\x01", "without": "\x80\x91\xfe"} {
		t.Run(name, func(t *testing.T) {
			var err error
			content := repeated(strings.Repeat(block, 1<<19), 100)
			took := allocated(func() { _, err = readingOf(Auto).parse(content, noon) })
			require.Error(t, err)
			require.Less(t, took, 1.0)
		})
	}
}

func TestHugeValuesInDocumentsAreNotHeld(t *testing.T) {
	huge := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct{ before, block string }{
		"a string in an indicator":   {`{"objects":[{"type":"indicator","pattern":"`, huge},
		"an object of many parts":    {`{"objects":[{"type":"indicator"`, strings.Repeat(`,"a":1`, 1<<17)},
		"a string beside the list":   {`{"list":["198.18.0.1"],"description":"`, huge},
		"an entry":                   {`{"list":["`, huge},
		"levels beside the objects":  {`{"objects":[],"x":`, strings.Repeat("[", 1<<20)},
		"levels in the objects":      {`{"objects":[`, strings.Repeat("[", 1<<20)},
		"a key":                      {`{"objects":[],"`, huge},
		"white space in the objects": {`{"objects":[`, strings.Repeat(" ", 1<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			content := io.MultiReader(strings.NewReader(c.before), repeated(c.block, 100))
			var err error
			took := allocated(func() { _, err = allowing(Auto).parse(content, noon) })
			require.Error(t, err)
			require.Less(t, took, 16.0)
		})
	}
}

func TestMoreThanMaxEntriesIsLeftOff(t *testing.T) {
	r := readingOf(List)
	budget := newBudget(1, grain+1)
	r.grant = func() int { return budget.grant(0) }
	set, err := r.parse(written(grain+10, randomName), noon)
	require.NoError(t, err)
	require.Equal(t, grain+1, set.entries())
	require.Equal(t, 9, set.refused.Count[OverLimit])
}

func TestNotesAndEndsAreBounded(t *testing.T) {
	b := &builder{set: &set{tags: []tag{{}}}, tags: map[tag]uint16{}}
	for i := range 200_000 {
		_, ok := b.tagOf(tag{note: strings.Repeat("n", i%8000), until: int64(1 + i*3601)})
		require.True(t, ok)
	}
	require.LessOrEqual(t, len(b.set.tags), maxTags)
	require.LessOrEqual(t, b.notes, maxNotes)
	for i := range b.set.tags[1:] {
		require.NotZero(t, b.set.tags[1+i].until, "no end is forgotten")
	}
}
