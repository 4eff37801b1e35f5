package filter

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// call is a connection that pod web of shop began to Service db of data, served by a
// pod, in whichever order its key has the ends.
func call(client, service string) *flow.Connection {
	from, to := netip.MustParseAddrPort(client), netip.MustParseAddrPort(service)
	original := flow.Tuple{Src: flow.AddrFrom(from.Addr()), Dst: flow.AddrFrom(to.Addr()), SrcPort: from.Port(), DstPort: to.Port(), Proto: flow.TCP}
	reply := original.Reverse()
	reply.Src, reply.SrcPort = flow.AddrFrom(netip.MustParseAddr("198.18.2.3")), 5433
	c := &flow.Connection{NAT: &flow.Translation{Original: original, Reply: reply}}
	var forward flow.Direction
	c.Key, forward = original.Key()
	c.Initiator = flow.Initiator(forward) + flow.InitiatorA
	c.Ends[forward] = &flow.Endpoint{Kind: flow.Pod, Namespace: "shop", OwnerName: "web", PodName: "web-1", NodeName: "n1"}
	c.Ends[forward.Reverse()] = &flow.Endpoint{Kind: flow.Service, Namespace: "data", OwnerName: "db", Service: "db"}
	c.Backend = &flow.Endpoint{Kind: flow.Pod, Namespace: "data", OwnerName: "db", PodName: "db-0", NodeName: "n2"}
	c.Unlogged = [2]flow.Count{{Packets: 3, Bytes: 300}, {Packets: 2, Bytes: 200}}
	return c
}

func TestPasses(t *testing.T) {
	outside := call("198.18.0.2:40000", "192.0.2.1:443")
	outside.Backend, outside.NAT = nil, nil
	outside.Ends[outside.Initiator.Direction().Reverse()] = &flow.Endpoint{CIDR: "office"}
	unknown := call("198.18.0.2:40000", "198.19.0.10:5432")
	unknown.Initiator, unknown.NAT = flow.UnknownInitiator, nil
	for _, test := range []struct {
		expression string
		connection *flow.Connection
		ended      bool
		want       bool
	}{
		{``, nil, true, true},
		{`source.namespace == "shop" && destination.namespace == "data"`, nil, true, true},
		{`source.namespace == "data"`, nil, true, false},
		{`"data" in namespaces`, nil, true, true},
		{`"kube-system" in namespaces`, nil, true, false},
		{`source.workload == "web"`, nil, true, true},
		{`any(workloads, # startsWith "d")`, nil, true, true},
		{`destination.pod == "db-0" && destination.type == "Pod" && destination.node == "n2"`, nil, true, true},
		{`destination.service == "db" && source.service == ""`, nil, true, true},
		{`source.pod matches "^web-[0-9]+$"`, nil, true, true},
		{`in_cidr(source.address, "198.18.0.0/15")`, nil, true, true},
		{`in_cidr(source.address, "198.18.0.0/32")`, nil, true, false},
		{`in_cidr(destination.address, "fd00::/8")`, nil, true, false},
		{`port == 5432 && destination.port == 5432 && source.port == 40000`, nil, true, true},
		{`port in [80, 443]`, nil, true, false},
		{`protocol == "tcp"`, nil, true, true},
		{`protocol in ["udp", "icmp"]`, nil, true, false},
		{`bytes == 500 && packets == 5`, nil, true, true},
		{`state == "ended"`, nil, true, true},
		{`state == "ended"`, nil, false, false},
		{`state == "active"`, nil, false, true},
		{`destination.cidr == "office" && destination.type == "External" && port == 443`, outside, true, true},
		{`port == 0`, unknown, true, true},
	} {
		for _, ends := range [][2]string{{"198.18.0.2:40000", "198.19.0.10:5432"}, {"198.19.0.20:40000", "198.18.0.1:5432"}} {
			c := test.connection
			if c == nil {
				c = call(ends[0], ends[1])
			}
			t.Run(test.expression, func(t *testing.T) {
				f, err := Parse(test.expression)
				require.NoError(t, err)
				passes, err := f.Passes(c, test.ended)
				require.NoError(t, err)
				require.Equal(t, test.want, passes)
			})
		}
	}
}

func TestAnErrorOfEvaluationSaysWhere(t *testing.T) {
	f, err := Parse(`in_cidr(source.cidr, destination.workload)`)
	require.NoError(t, err)
	_, err = f.Passes(call("198.18.0.2:40000", "198.19.0.10:5432"), true)
	require.ErrorContains(t, err, "evaluate flow_logs::filter: in_cidr: ")
	passes, err := f.Passes(call("198.18.0.2:40000", "198.19.0.10:5432"), true)
	require.Error(t, err, "and it can go on")
	require.False(t, passes)
}

func TestWrongExpressionsAreRefused(t *testing.T) {
	for expression, want := range map[string]struct {
		column  int
		message string
	}{
		`source.namespce == "x"`:                {8, "namespce"},
		`nonsense`:                              {1, "unknown name nonsense"},
		`port == "80"`:                          {6, "mismatched types int and string"},
		`port`:                                  {0, "expected bool, but got int"},
		`port ==`:                               {7, "unexpected token EOF"},
		`in_cidr(source.address)`:               {1, "not enough arguments"},
		`in_cidr(source.port, "198.18.0.0/15")`: {16, "cannot use int"},
		`port == 1 || in_cidr(source.address, "198.18.1")`:        {38, `"198.18.1" is no range such as 192.0.2.0/24`},
		`in_cidr("pod", destination.cidr)`:                        {9, `"pod" is no address`},
		`all(namespaces, in_cidr(#, "x"))`:                        {28, `"x" is no range`},
		`port > 1 &&` + "\n" + `in_cidr(source.address, "y")`:     {25, `"y" is no range`},
		`"` + strings.Repeat("x", longestOfAll) + `" == protocol`: {0, "at most 65536 bytes"},
	} {
		t.Run(expression[:min(len(expression), 60)], func(t *testing.T) {
			_, err := Parse(expression)
			var refused *Error
			require.ErrorAs(t, err, &refused)
			require.Contains(t, refused.Message, want.message)
			require.Equal(t, want.column, refused.Column, err)
			require.Contains(t, err.Error(), "fields: source and destination with namespace")
		})
	}
}

// Whatever an expression asks for, it ends, and with bounded memory.
func TestWorkIsBounded(t *testing.T) {
	for _, expression := range []string{
		`len(1..100000000) > 0`,
		`all(1..1000, all(1..1000, all(1..1000, # > 0)))`,
		`repeat("x", 100000000) == protocol`,
		`len(map(1..1000000, repeat("x", 1000))) > 0`,
	} {
		f, err := Parse(expression)
		if err != nil {
			continue
		}
		_, err = f.Passes(call("198.18.0.2:40000", "198.19.0.10:5432"), true)
		require.ErrorContains(t, err, "memory budget", expression)
	}
	_, err := Parse(strings.Repeat("port == 1 || ", 5000) + "port == 2")
	require.ErrorContains(t, err, "exceeds maximum allowed nodes")
}

func FuzzParse(f *testing.F) {
	f.Add(`"shop" in namespaces && port != 443 && !in_cidr(destination.address, "198.18.0.0/15")`)
	f.Add(`any(workloads, # == "x") ? bytes > 1 : state == "ended"`)
	f.Add(`in_cidr(source.address, source.cidr) or packets ** 2 > 10`)
	c := call("198.18.0.2:40000", "198.19.0.10:5432")
	f.Fuzz(func(t *testing.T, expression string) {
		parsed, err := Parse(expression)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		_, _ = parsed.Passes(c, true)
	})
}
