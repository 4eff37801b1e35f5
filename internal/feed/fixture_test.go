package feed

import (
	"bufio"
	"encoding/binary"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// noon is when tests happen.
var noon = time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)

// special is not public.
var special = notPublic()

const million = 1_000_000

// endless grants whatever is asked for.
func endless() int { return grain }

// readingOf reads a public feed in a format.
func readingOf(f Format) reading {
	return reading{
		source: &Source{Name: "test"}, format: f, maxSize: 1 << 30,
		notPublic: notPublic(), seed: maphash.MakeSeed(), grant: endless,
	}
}

func allowing(f Format) reading {
	r := readingOf(f)
	r.source = &Source{Name: "allow", Allow: true}
	return r
}

func private(f Format) reading {
	r := readingOf(f)
	r.source = &Source{Name: "private", Private: true}
	return r
}

func (o reading) mustParse(t testing.TB, content string) *set {
	t.Helper()
	s, err := o.parse(strings.NewReader(content), noon)
	require.NoError(t, err)
	return s
}

func snapshotOf(sets ...*set) *Snapshot {
	return newSnapshot(sets, noon.Unix(), 1, notPublic(), func(netip.Addr) bool { return false })
}

// matched is the entry that an address or a name meets, with its kind, or "".
func matched(s *Snapshot, what string) string {
	m, ok := Match{}, false
	if a, err := netip.ParseAddr(what); err == nil {
		m, ok = s.Address(a)
	} else {
		m, ok = s.Name(what)
	}
	if !ok {
		return ""
	}
	return m.Kind.String() + " " + m.Entry()
}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 2)) }

// random4 is an address of the Internet.
func random4(r *rand.Rand) netip.Addr {
	for {
		if a := addr4(r.Uint32()); !special.Contains(a) {
			return a
		}
	}
}

func random6(r *rand.Rand) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], r.Uint64()&0x0fff_ffff_ffff_ffff|0x2000_0000_0000_0000)
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	return netip.AddrFrom16(b)
}

// randomName is of 20 to 30 bytes, as names on lists mostly are.
func randomName(r *rand.Rand) string {
	return "h" + strconv.FormatUint(r.Uint64N(1<<20), 36) + ".x" + strconv.FormatUint(r.Uint64()>>8, 36) + ".example"
}

func addr6(a [16]byte) netip.Addr { return netip.AddrFrom16(a) }

// written is a list of n lines.
func written(n int, line func(*rand.Rand) string) io.Reader {
	r, w := io.Pipe()
	go func() {
		random, buffer := seeded(1), bufio.NewWriter(w)
		for range n {
			buffer.WriteString(line(random))
			buffer.WriteByte('\n')
		}
		w.CloseWithError(buffer.Flush())
	}()
	return r
}
