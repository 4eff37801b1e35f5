package aggregate

import (
	"os"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// The attributes that can be selected are those of metadata.yaml, in its order.
func TestNamesAreThoseOfTheMetadata(t *testing.T) {
	data, err := os.ReadFile("../../metadata.yaml")
	require.NoError(t, err)
	var metadata struct {
		Metrics map[string]struct{ Attributes []string }
	}
	require.NoError(t, yaml.Unmarshal(data, &metadata))
	for _, metric := range []string{"network.flow.io", "ebpfnet.flow.packets", "ebpfnet.flow.undelivered"} {
		require.Equal(t, names(), metadata.Metrics[metric].Attributes, metric)
	}
	require.EqualValues(t, 1<<len(names()), FlowInitiator<<1, "one name for each constant")
}

func TestSelect(t *testing.T) {
	require.Zero(t, Select([]string{}))
	require.Equal(t, SrcNamespace|FlowInitiator, Select([]string{"ebpfnet.flow.initiator", "source.k8s.namespace.name", "unknown"}))
	require.Equal(t, FlowInitiator<<1-1, Select(names()))
}

// Each attribute alone shows what it says and nothing else.
func TestEachAttributeShowsItself(t *testing.T) {
	for attribute, want := range map[Selection]Key{
		SrcNamespace:   {Src: &Identity{Namespace: "src-ns"}},
		SrcOwnerName:   {Src: &Identity{OwnerName: "src-owner"}},
		SrcOwnerType:   {Src: &Identity{OwnerType: "Deployment"}},
		SrcType:        {Src: &Identity{Kind: flow.Pod, HasKind: true}},
		SrcServiceName: {Src: &Identity{Service: "src-service"}},
		SrcCIDR:        {Src: &Identity{CIDR: "src-cidr"}},
		SrcZone:        {Src: &Identity{Zone: "zone-1"}},
		DstNamespace:   {Dst: &Identity{Namespace: "dst-ns"}},
		DstOwnerName:   {Dst: &Identity{OwnerName: "dst-owner"}},
		DstOwnerType:   {Dst: &Identity{OwnerType: "StatefulSet"}},
		DstType:        {Dst: &Identity{Kind: flow.Pod, HasKind: true}},
		DstServiceName: {Dst: &Identity{Service: "dst-service"}},
		DstCIDR:        {Dst: &Identity{CIDR: "dst-cidr"}},
		DstZone:        {Dst: &Identity{Zone: "zone-2"}},
		InterZone:      {InterZone: Yes},
		Transport:      {Proto: flow.TCP, HasProto: true},
		ServerPort:     {ServerPort: 80},
		Direction:      {Direction: Transmit},
		IsTranslated:   {},
		SrcPodName:     {Src: &Identity{PodName: "src-pod"}},
		SrcPodUID:      {Src: &Identity{PodUID: "src-uid"}},
		SrcNode:        {Src: &Identity{NodeName: "src-node"}},
		SrcAddress:     {SrcAddr: addr("198.18.0.2")},
		SrcPortNumber:  {SrcPort: 40000},
		DstPodName:     {Dst: &Identity{PodName: "dst-pod"}},
		DstPodUID:      {Dst: &Identity{PodUID: "dst-uid"}},
		DstNode:        {Dst: &Identity{NodeName: "dst-node"}},
		DstAddress:     {DstAddr: addr("198.18.0.3")},
		DstPortNumber:  {DstPort: 8080},
		NetworkType:    {IPv6: No},
		InterfaceName:  {Interface: "veth1"},
		DSCPoint:       {DSCP: 46},
		FlowInitiator:  {Initiator: InitiatorSource},
	} {
		t.Run(nameOf(attribute), func(t *testing.T) {
			a := New(all(100, attribute), at(0))
			r := add(a, everything(), at(1))
			for _, side := range []**Identity{&want.Src, &want.Dst} {
				if *side == nil {
					*side = &Identity{}
				}
			}
			require.Equal(t, want, r[0].Key)
		})
	}
	translated := everything()
	translated.Translated = true
	r := add(New(all(100, IsTranslated), at(0)), translated, at(1))
	require.True(t, r[0].Key.Translated)
}

func nameOf(attribute Selection) string {
	for i, name := range names() {
		if attribute == 1<<i {
			return name
		}
	}
	return ""
}

// Nothing that is not selected tells series apart.
func TestWhatIsNotSelectedMakesNoSeries(t *testing.T) {
	a := New(all(100, 0), at(0))
	add(a, everything(), at(1))
	add(a, workload("a", "b"), at(1))
	requireCount(t, a, 3)
	require.Equal(t, Key{Src: &Identity{}, Dst: &Identity{}}, only(t, a))
}

func only(t *testing.T, a *Aggregator) (key Key) {
	t.Helper()
	require.Len(t, a.groups[0].series, 1)
	for k := range a.groups[0].series {
		key = k
	}
	return key
}

func TestInterZone(t *testing.T) {
	for _, test := range []struct {
		src, dst string
		want     Tristate
	}{{"a", "b", Yes}, {"a", "a", No}, {"a", "", Unknown}, {"", "b", Unknown}, {"", "", Unknown}} {
		attributes := workload("x", "y")
		attributes.Src.Zone, attributes.Dst.Zone = test.src, test.dst
		a := New(all(100, InterZone), at(0))
		r := add(a, attributes, at(1))
		require.Equal(t, test.want, r[0].Key.InterZone, "%q to %q", test.src, test.dst)
	}
}

func TestIPv6(t *testing.T) {
	attributes := workload("x", "y")
	attributes.SrcAddr = addr("fd00::1")
	r := add(New(all(100, NetworkType), at(0)), attributes, at(1))
	require.Equal(t, Yes, r[0].Key.IPv6)
}

// Pods of one workload share a series, and one identity; labels tell apart.
func TestIdentitiesAreShared(t *testing.T) {
	a := New(all(100, byOwner), at(0))
	for _, pod := range []string{"web-1", "web-2"} {
		attributes := workload("web", "db")
		attributes.Src.PodName = pod
		add(a, attributes, at(1))
	}
	requireCount(t, a, 3)
	labelled := workload("web", "db")
	labelled.Src.Labels = []flow.Label{{Key: "team", Value: "shop"}, {Key: "tier", Value: ""}}
	r := add(a, labelled, at(1))
	requireCount(t, a, 6)
	got := map[string]string{}
	r[0].Key.Src.Labels(func(key, value string) { got[key] = value })
	require.Equal(t, map[string]string{"team": "shop", "tier": ""}, got)
}

func TestCacheOfIdentitiesIsBounded(t *testing.T) {
	ids := newIdentities(side(SrcOwnerName))
	for range cacheAtMost + 10 {
		ids.of(&flow.Endpoint{OwnerName: "web"}, "")
		require.LessOrEqual(t, len(ids.cache), cacheAtMost)
	}
	require.Len(t, ids.interned, 1)
}

func TestWords(t *testing.T) {
	require.Equal(t, []string{"unknown", "source", "destination"},
		[]string{InitiatorUnknown.String(), InitiatorSource.String(), InitiatorDestination.String()})
	require.Equal(t, []string{"", "transmit", "receive"}, []string{NoDirection.String(), Transmit.String(), Receive.String()})
	require.Equal(t, numberOfMetrics, Metric(reflect.TypeFor[Values]().Len()))
}
