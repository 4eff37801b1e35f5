package kube

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestChangesOfTheStateAreReportedOnce(t *testing.T) {
	pods, nodes := &source{resource: schema.GroupResource{Resource: "pods"}}, &source{resource: schema.GroupResource{Resource: "nodes"}}
	extra := &source{resource: schema.GroupResource{Group: "apps", Resource: "replicasets"}, without: "less is known"}
	core, logs := observer.New(zap.InfoLevel)
	var told []string
	h := newHealth([]*source{pods, nodes, extra}, func() {}, func(err error) {
		if err == nil {
			told = append(told, "fine")
			return
		}
		told = append(told, err.Error())
	}, zap.New(core))
	gone, no := verdict{failing, errors.New("gone")}, verdict{refused, errors.New("no pods")}
	for _, step := range []struct {
		source *source
		verdict
	}{
		{pods, verdict{}}, {nodes, verdict{}}, // all is well from the start: no news
		{pods, gone}, {nodes, gone}, {pods, gone}, // one report, however often and by whomever
		{pods, verdict{}},  // the nodes are still away
		{nodes, verdict{}}, // now all is well
		{pods, no}, {pods, no},
		{extra, verdict{refused, errors.New("no replicasets")}}, // a log line, no report
		{extra, verdict{refused, errors.New("no replicasets")}},
		{pods, verdict{}},
	} {
		h.note(step.source, step.verdict)
	}
	for _, err := range []error{nil, errors.New("refused"), errors.New("timed out"), nil, nil} {
		h.hear(err)
	}
	require.Equal(t, []string{
		"gone", "fine", "no pods", "fine", "kube: no answer from the API server: refused", "fine",
	}, told)
	require.Equal(t, 1, logs.FilterMessage("kubernetes: less is known").Len())
}

func TestListsAreSettledWhenTheyAreInOrWillNotCome(t *testing.T) {
	a, b, c := &source{}, &source{without: "x"}, &source{}
	first := 0
	h := newHealth([]*source{a, b, c}, func() { first++ }, func(error) {}, zap.NewNop())
	h.settle(a)
	h.settle(a)
	h.note(b, verdict{condition: absent})
	h.note(c, verdict{condition: failing})
	require.False(t, closed(h.settled))
	h.note(c, verdict{condition: refused})
	require.True(t, closed(h.settled))
	h.settle(c)
	require.Equal(t, 1, first)
	require.True(t, closed(newHealth(nil, func() {}, nil, nil).settled))
}
