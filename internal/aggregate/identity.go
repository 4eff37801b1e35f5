package aggregate

import (
	"strings"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Identity is the part of an endpoint that a series shows. Identities are
// interned: equal ones are the same pointer.
type Identity struct {
	Kind      flow.Kind
	HasKind   bool
	Namespace string
	OwnerName string
	OwnerType string
	Service   string
	CIDR      string
	Zone      string
	PodName   string
	PodUID    string
	NodeName  string
	labels    string // keys and values, each ended by a zero byte
}

// Labels calls f with the copied pod labels.
func (i *Identity) Labels(f func(key, value string)) {
	rest := i.labels
	for rest != "" {
		key, tail, _ := strings.Cut(rest, "\x00")
		value, after, _ := strings.Cut(tail, "\x00")
		f(key, value)
		rest = after
	}
}

// side is the selection for one end, in the source's names.
type side Selection

const sourceSide = SrcNamespace | SrcOwnerName | SrcOwnerType | SrcType | SrcServiceName | SrcCIDR | SrcZone |
	SrcPodName | SrcPodUID | SrcNode

// sides splits a selection into what it shows of the source and of the destination.
func sides(s Selection) (src, dst side) {
	pairs := [][2]Selection{
		{SrcNamespace, DstNamespace}, {SrcOwnerName, DstOwnerName}, {SrcOwnerType, DstOwnerType}, {SrcType, DstType},
		{SrcServiceName, DstServiceName}, {SrcCIDR, DstCIDR}, {SrcZone, DstZone}, {SrcPodName, DstPodName},
		{SrcPodUID, DstPodUID}, {SrcNode, DstNode},
	}
	src = side(s & sourceSide)
	for _, p := range pairs {
		if s.Has(p[1]) {
			dst |= side(p[0])
		}
	}
	return src, dst
}

// identify keeps what the selection shows.
func (s side) identify(e *flow.Endpoint, service string) Identity {
	pick := func(attribute Selection, value string) string {
		if Selection(s).Has(attribute) {
			return value
		}
		return ""
	}
	i := Identity{
		Namespace: pick(SrcNamespace, e.Namespace),
		OwnerName: pick(SrcOwnerName, e.OwnerName),
		OwnerType: pick(SrcOwnerType, e.OwnerType),
		Service:   pick(SrcServiceName, service),
		CIDR:      pick(SrcCIDR, e.CIDR),
		Zone:      pick(SrcZone, e.Zone),
		PodName:   pick(SrcPodName, e.PodName),
		PodUID:    pick(SrcPodUID, e.PodUID),
		NodeName:  pick(SrcNode, e.NodeName),
	}
	if Selection(s).Has(SrcType) {
		i.Kind, i.HasKind = e.Kind, true
	}
	var labels strings.Builder
	for _, l := range e.Labels {
		labels.WriteString(l.Key + "\x00" + l.Value + "\x00")
	}
	i.labels = labels.String()
	return i
}

// cached is what an identity was made from.
type cached struct {
	endpoint *flow.Endpoint
	service  string
}

// identities interns them. The cache by endpoint saves making them anew.
type identities struct {
	side     side
	interned map[Identity]*Identity
	cache    map[cached]*Identity
}

// cacheAtMost bounds the cache; when it is full it starts again.
const cacheAtMost = 16384

func newIdentities(s side) *identities {
	return &identities{side: s, interned: map[Identity]*Identity{}, cache: map[cached]*Identity{}}
}

func (ids *identities) of(e *flow.Endpoint, service string) *Identity {
	from := cached{e, service}
	if i, known := ids.cache[from]; known {
		return i
	}
	made := ids.side.identify(e, service)
	i, known := ids.interned[made]
	if !known {
		i = &made
		ids.interned[made] = i
	}
	if len(ids.cache) >= cacheAtMost {
		clear(ids.cache)
	}
	ids.cache[from] = i
	return i
}

// keepOnly forgets identities that no series uses.
func (ids *identities) keepOnly(used map[*Identity]struct{}) {
	clear(ids.cache)
	for value, i := range ids.interned {
		if _, in := used[i]; !in {
			delete(ids.interned, value)
		}
	}
}
