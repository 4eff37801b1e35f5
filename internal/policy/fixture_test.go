package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// second makes the times of the tests readable.
func second(s int) flow.Nanos {
	return flow.Nanos(1_800_000_000+s) * flow.Nanos(time.Second)
}

// cluster is an evaluator with facts, in which ends have short names:
//
//	shop/web-1   the pod web-1 of namespace shop, on node n1 unless said otherwise
//	node:n1      a node
//	198.18.9.9   outside
//	?            anybody
type testCluster struct {
	*Evaluator
	t     testing.TB
	addrs map[string]flow.Addr
}

func newCluster(t testing.TB, change ...func(*Config)) *testCluster {
	t.Helper()
	cfg := NewDefaultConfig()
	for _, c := range change {
		c(&cfg)
	}
	require.NoError(t, cfg.Validate())
	e, err := New(cfg)
	require.NoError(t, err)
	return &testCluster{Evaluator: e, t: t, addrs: map[string]flow.Addr{}}
}

func labelsOf(text string) map[string]string {
	all := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if k, v, ok := strings.Cut(pair, "="); ok {
			all[k] = v
		}
	}
	return all
}

// namespace adds one with its labels: a=b,c=d.
func (c *testCluster) namespace(name, labels string) *testCluster {
	all := labelsOf(labels)
	all["kubernetes.io/metadata.name"] = name
	require.NoError(c.t, c.PutNamespace(&Namespace{name, all}, second(0)))
	return c
}

// pod adds one with its labels and address; change what else matters.
func (c *testCluster) pod(name, labels, addr string, change ...func(*Pod)) *testCluster {
	ns, _, _ := strings.Cut(name, "/")
	p := Pod{UID: name, Namespace: ns, Labels: labelsOf(labels), Node: "n1"}
	for _, f := range change {
		f(&p)
	}
	require.NoError(c.t, c.PutPod(&p, second(0)))
	c.addrs[name] = flow.AddrFrom(netip.MustParseAddr(addr))
	return c
}

func (c *testCluster) node(name, labels, addr string) *testCluster {
	require.NoError(c.t, c.PutNode(&Node{name, labelsOf(labels)}))
	c.addrs["node:"+name] = flow.AddrFrom(netip.MustParseAddr(addr))
	return c
}

// policies puts YAML in force and returns what was said about it.
func (c *testCluster) policies(text string) error {
	c.t.Helper()
	return c.put(text, InForce, second(0))
}

func (c *testCluster) put(text string, v View, now flow.Nanos) error {
	c.t.Helper()
	objs, err := Parse([]byte(text))
	require.NoError(c.t, err, text)
	require.NotEmpty(c.t, objs, text)
	for _, o := range objs {
		if _, e := c.Put(o, v, now); e != nil {
			err = e
		}
	}
	return err
}

// apply is policies that are read completely.
func (c *testCluster) apply(text string) *testCluster {
	c.t.Helper()
	require.NoError(c.t, c.policies(text))
	return c
}

func (c *testCluster) party(name string) Party {
	if node, ok := strings.CutPrefix(name, "node:"); ok {
		return Party{Kind: flow.Node, Node: node, Addr: c.addrs[name]}
	}
	if addr, ok := strings.CutPrefix(name, "?"); ok {
		p := Party{Kind: flow.External, Unresolved: true}
		if addr != "" {
			p.Addr = flow.AddrFrom(netip.MustParseAddr(addr))
		}
		return p
	}
	if a, err := netip.ParseAddr(name); err == nil {
		return Party{Kind: flow.External, Addr: flow.AddrFrom(a)}
	}
	return Party{Kind: flow.Pod, Pod: name, Addr: c.addrs[name]}
}

// parse reads "shop/web-1 > shop/db-1 5432" or "... 53/udp".
func (c *testCluster) parse(text string) *Connection {
	var src, dst, arrow, called string
	n, err := fmt.Sscan(text, &src, &arrow, &dst, &called)
	require.True(c.t, n == 4 && err == nil && arrow == ">", text)
	out := &Connection{Src: c.party(src), Dst: c.party(dst), Proto: flow.TCP}
	number, proto, _ := strings.Cut(called, "/")
	_, err = fmt.Sscan(number, &out.Port)
	require.NoError(c.t, err, text)
	if proto != "" {
		known := map[string]uint8{"tcp": flow.TCP, "udp": flow.UDP, "sctp": flow.SCTP, "icmp": flow.ICMP, "icmp6": flow.ICMPv6}
		require.Contains(c.t, known, proto)
		out.Proto = known[proto]
	}
	return out
}

func (c *testCluster) ask(text string) Result {
	c.t.Helper()
	return c.Evaluate(c.parse(text), InForce)
}

// says is an answer in short: allowed, denied by shop/db ingress[0], ...
func (c *testCluster) says(text string) string {
	c.t.Helper()
	return short(c.ask(text))
}

func short(r Result) string {
	out := r.Decision.String()
	if r.Policy != nil {
		out += " " + r.Direction.String() + " " + r.Policy.full()
		if r.Rule != "" {
			out += " " + r.Rule
		}
	}
	return out
}

// decide checks a list of connections: "a > b 80: allowed", one a line. What
// stands after the decision is compared if it is there.
func (c *testCluster) decide(lines string) {
	c.t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		i := strings.LastIndex(line, ": ")
		asked, want := strings.TrimSpace(line[:i]), strings.TrimSpace(line[i+2:])
		got := c.says(asked)
		if !strings.Contains(want, " ") {
			got, _, _ = strings.Cut(got, " ")
		}
		require.Equal(c.t, want, got, asked)
	}
}

func TestAnEndpointIsAParty(t *testing.T) {
	addr := flow.AddrFrom(netip.MustParseAddr("198.18.9.9"))
	pod := &flow.Endpoint{Kind: flow.Pod, PodUID: "u", NodeName: "n1"}
	require.Equal(t, Party{Kind: flow.Pod, Pod: "u", Node: "n1", Addr: addr}, PartyOf(pod, addr, false))
	require.Equal(t, Party{Kind: flow.Pod, Addr: addr}, PartyOf(&flow.Endpoint{Kind: flow.Pod}, addr, true), "some pod")
	require.Equal(t, Party{Kind: flow.External, Addr: addr}, PartyOf(&flow.Endpoint{}, addr, false))
	require.Equal(t, Party{Kind: flow.External, Unresolved: true, Addr: addr}, PartyOf(&flow.Endpoint{}, addr, true))
	require.Equal(t, Party{Kind: flow.Node, Node: "n1", Addr: addr}, PartyOf(&flow.Endpoint{Kind: flow.Node, NodeName: "n1"}, addr, false))
}
