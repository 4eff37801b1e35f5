package kube

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func TestPrefixesAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"198.18.128.0/24":  "198.18.128.0/24",
		"198.18.128.77/24": "198.18.128.0/24",
		"198.18.128.4/32":  "198.18.128.4/32",
		"198.18.0.0/15":    "198.18.0.0/15",
		"fd00:1::/64":      "fd00:1::/64",
		"fd00:1::5/61":     "fd00:1::/61",
		"0.0.0.0/0":        "",
		"::/0":             "",
		"198.18.128.0":     "",
		"198.18.128.0/33":  "",
		"":                 "",
		"fd00::%eth0/64":   "",
	} {
		p, ok := prefixOf(text)
		require.Equal(t, want != "", ok, text)
		if ok {
			want := netip.MustParsePrefix(want)
			bits := want.Bits()
			if want.Addr().Is4() {
				bits += 96
			}
			require.Equal(t, prefix{flow.AddrFrom(want.Addr()), uint8(bits)}, p, text)
		}
	}
}

func TestOffsetInARange(t *testing.T) {
	p, _ := prefixOf("198.18.128.0/24")
	require.EqualValues(t, 0, p.offset(addr(t, "198.18.128.0")))
	require.EqualValues(t, 1, p.offset(addr(t, "198.18.128.1")))
	require.EqualValues(t, 254, p.offset(addr(t, "198.18.128.254")))
	wide, _ := prefixOf("198.18.0.0/16")
	require.EqualValues(t, 255, wide.offset(addr(t, "198.18.1.1")))
}

// TestRangesFindWhatASlowSearchFinds puts and removes at random and compares
// with looking through all prefixes.
func TestRangesFindWhatASlowSearchFinds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	some := func() flow.Addr { return flow.AddrFrom(netip.AddrFrom4([4]byte{198, 18, 0, byte(rnd.IntN(256))})) }
	r, slow := newRanges[int](), map[prefix]int{}
	for i := range 5000 {
		p := mask(some(), uint8(120+rnd.IntN(9)))
		if rnd.IntN(3) == 0 {
			r.remove(p, slow[p])
			delete(slow, p)
		} else {
			r.put(p, i+1)
			slow[p] = i + 1
		}
		a, want, best := some(), 0, -1
		for p, v := range slow {
			if mask(a, p.bits) == p && int(p.bits) > best {
				want, best = v, int(p.bits)
			}
		}
		_, got, ok := r.find(a)
		require.Equal(t, want, got)
		require.Equal(t, best >= 0, ok)
	}
	for p, v := range slow {
		r.remove(p, -1) // not its owner
		r.remove(p, v)
	}
	require.Empty(t, r.of)
	require.Empty(t, r.lengths)
	require.Empty(t, r.count)
}
