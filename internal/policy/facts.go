package policy

// Pod is what is asked of a pod. A pod on its node's network has no address of
// its own: policies treat it as the node.
type Pod struct {
	UID            string
	Namespace      string
	Labels         map[string]string
	Ports          []NamedPort // of all containers
	Node           string      // where it runs
	ServiceAccount string      // Cilium's policies can select by it
	HostNetwork    bool
}

// NamedPort is a container port that has a name.
type NamedPort struct {
	Name  string
	Proto uint8 // IANA's number
	Port  uint16
}

// Namespace is what is asked of a namespace.
type Namespace struct {
	Name   string
	Labels map[string]string
}

// Node is what is asked of a node.
type Node struct {
	Name   string
	Labels map[string]string
}
