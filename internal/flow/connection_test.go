package flow

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Who sends, to whom, by which port and Service, in both directions of a connection to
// a Service, whichever end is A of its key.
func TestEndsOfATranslatedConnection(t *testing.T) {
	client, service, backend := &Endpoint{Kind: Pod, PodName: "client"}, &Endpoint{Kind: Service}, &Endpoint{Kind: Pod, PodName: "backend"}
	for _, ends := range [][2]string{{"198.18.0.2:40000", "198.19.0.10:80"}, {"198.19.0.20:40000", "198.19.0.10:80"}} {
		original := tuple(ends[0], ends[1])
		c := Connection{NAT: &Translation{Original: original, Reply: tuple("198.18.0.3:8080", ends[0])}, Backend: backend}
		require.True(t, c.NAT.Translated())
		require.False(t, c.Resolved())
		var forward Direction
		c.Key, forward = original.Key()
		back := forward.Reverse()
		c.Initiator = Initiator(forward) + InitiatorA
		c.Ends[forward], c.Ends[back] = client, service
		require.True(t, c.Resolved())
		require.Equal(t, forward, c.Initiator.Direction())
		require.Same(t, client, c.Src(forward))
		require.Same(t, backend, c.Dst(forward))
		require.Same(t, backend, c.Src(back))
		require.Same(t, client, c.Dst(back))
		require.EqualValues(t, 80, c.ServerPort(forward), "what was called")
		require.EqualValues(t, 8080, c.ServerPort(back), "what answers")
		require.Same(t, service, c.Service(forward))
		require.Nil(t, c.Service(back))

		c.Initiator, c.NAT, c.Backend = UnknownInitiator, nil, nil
		require.Zero(t, c.ServerPort(forward))
		require.Same(t, service, c.Service(forward), "packets to it are calls, whoever began")
		require.Nil(t, c.Service(back))
	}
}

func TestTranslated(t *testing.T) {
	plain := tuple("198.18.0.2:1", "198.18.0.3:2")
	require.False(t, (&Translation{plain, plain.Reverse()}).Translated())
}

func TestNameless(t *testing.T) {
	for _, test := range []struct {
		claim Claim
		nat   *Translation
		want  bool
	}{{Unclaimed, nil, false}, {OwnSocket, nil, false}, {Forwarded, nil, true}, {Forwarded, &Translation{}, false}} {
		require.Equal(t, test.want, (&Connection{Claim: test.claim, NAT: test.nat}).Nameless())
	}
}

func TestCountAdds(t *testing.T) {
	c := Count{1, 100}
	c.Add(Count{2, 300})
	require.Equal(t, Count{3, 400}, c)
}
