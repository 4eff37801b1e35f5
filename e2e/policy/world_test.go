package policy

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/policy"
)

var protocols = map[corev1.Protocol]uint8{corev1.ProtocolTCP: flow.TCP, corev1.ProtocolUDP: flow.UDP, corev1.ProtocolSCTP: flow.SCTP}

// ours is the evaluator under test, fed with API objects.
type ours struct {
	*policy.Evaluator
	t testing.TB
}

func newOurs(t testing.TB) *ours {
	e, err := policy.New(policy.NewDefaultConfig())
	require.NoError(t, err)
	return &ours{e, t}
}

func (o *ours) pod(p *corev1.Pod) {
	f := &policy.Pod{UID: p.Namespace + "/" + p.Name, Namespace: p.Namespace, Labels: p.Labels, Node: p.Spec.NodeName}
	for _, c := range p.Spec.Containers {
		for _, port := range c.Ports {
			f.Ports = append(f.Ports, policy.NamedPort{Name: port.Name, Proto: protocols[port.Protocol], Port: uint16(port.ContainerPort)})
		}
	}
	require.NoError(o.t, o.PutPod(f, 1))
}

func (o *ours) namespace(name string, labels map[string]string) {
	require.NoError(o.t, o.PutNamespace(&policy.Namespace{Name: name, Labels: labels}, 1))
}

// policy puts an object in, once as it is and once as it is decoded from JSON.
func (o *ours) policy(p *networkingv1.NetworkPolicy) {
	require.NoError(o.t, o.PutNetworkPolicy(p, 1))
	p = p.DeepCopy()
	p.TypeMeta = metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}
	o.object(p)
}

func (o *ours) object(p any) {
	obj, err := runtime.DefaultUnstructuredConverter.ToUnstructured(p)
	require.NoError(o.t, err)
	_, err = o.Put(obj, policy.InForce, 1)
	require.NoError(o.t, err)
}

// party is namespace/name of a pod, or an address.
func party(name, ip string) policy.Party {
	p := policy.Party{Kind: flow.External, Addr: flow.AddrFrom(netip.MustParseAddr(ip))}
	if strings.Contains(name, "/") {
		p.Kind, p.Pod = flow.Pod, name
	}
	return p
}

func (o *ours) allows(src, srcIP, dst, dstIP string, port int, proto corev1.Protocol) policy.Decision {
	return o.Evaluate(&policy.Connection{
		Src: party(src, srcIP), Dst: party(dst, dstIP), Port: uint16(port), Proto: protocols[proto],
	}, policy.InForce).Decision
}

func decision(allowed bool) policy.Decision {
	if allowed {
		return policy.Allowed
	}
	return policy.Denied
}
