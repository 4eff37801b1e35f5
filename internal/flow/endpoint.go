package flow

// Kind says what stands behind an address.
type Kind uint8

const (
	External Kind = iota // outside the cluster, or nothing known
	Pod
	Service
	Node
)

// String is the value of the attribute k8s.resource.type.
func (k Kind) String() string {
	switch k {
	case Pod:
		return "Pod"
	case Service:
		return "Service"
	case Node:
		return "Node"
	default:
		return "External"
	}
}

// Label is one pod label that the user asked to copy.
type Label struct{ Key, Value string }

// Endpoint is who an address is. Endpoints are immutable and shared: two
// look-ups that mean the same object return the same pointer, so that a
// pointer can stand for the identity. Unknown strings are empty.
type Endpoint struct {
	Kind      Kind
	Local     bool   // a pod of this node, or this node itself
	Namespace string // of the pod or Service
	OwnerName string // the workload: Deployment, StatefulSet, ...; of a Service its own name, of a Node the node's
	OwnerType string // kind of the workload
	PodName   string
	PodUID    string
	Service   string // name of the Service when Kind is Service
	NodeName  string // where the pod runs, or the node itself
	Zone      string // topology.kubernetes.io/zone of that node
	CIDR      string // the user's name for the range the address lies in
	Labels    []Label
}
