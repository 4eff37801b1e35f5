package policy

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// The types of cilium.io/v2 as far as they are evaluated. A field that an object
// has and these do not makes what it stands in opaque.

// ciliumSpec is one rule of a CiliumNetworkPolicy, with its subject.
type ciliumSpec struct {
	EndpointSelector  *metav1.LabelSelector `json:"endpointSelector,omitempty"`
	NodeSelector      *metav1.LabelSelector `json:"nodeSelector,omitempty"`
	Ingress           []ciliumIngress       `json:"ingress,omitempty"`
	IngressDeny       []ciliumIngress       `json:"ingressDeny,omitempty"`
	Egress            []ciliumEgress        `json:"egress,omitempty"`
	EgressDeny        []ciliumEgress        `json:"egressDeny,omitempty"`
	EnableDefaultDeny ciliumDefault         `json:"enableDefaultDeny,omitempty"`

	// What does not decide.
	Labels      any `json:"labels,omitempty"`
	Description any `json:"description,omitempty"`
	Log         any `json:"log,omitempty"`
}

type ciliumDefault struct {
	Ingress *bool `json:"ingress,omitempty"`
	Egress  *bool `json:"egress,omitempty"`
}

type ciliumIngress struct {
	FromEndpoints []metav1.LabelSelector `json:"fromEndpoints,omitempty"`
	FromCIDR      []string               `json:"fromCIDR,omitempty"`
	FromCIDRSet   []ciliumCIDR           `json:"fromCIDRSet,omitempty"`
	FromEntities  []string               `json:"fromEntities,omitempty"`
	ToPorts       []ciliumPorts          `json:"toPorts,omitempty"`
	ICMPs         []any                  `json:"icmps,omitempty"`
}

type ciliumEgress struct {
	ToEndpoints []metav1.LabelSelector `json:"toEndpoints,omitempty"`
	ToCIDR      []string               `json:"toCIDR,omitempty"`
	ToCIDRSet   []ciliumCIDR           `json:"toCIDRSet,omitempty"`
	ToEntities  []string               `json:"toEntities,omitempty"`
	ToFQDNs     []any                  `json:"toFQDNs,omitempty"`
	ToPorts     []ciliumPorts          `json:"toPorts,omitempty"`
	ICMPs       []any                  `json:"icmps,omitempty"`
}

type ciliumCIDR struct {
	CIDR   string   `json:"cidr,omitempty"`
	Except []string `json:"except,omitempty"`
}

type ciliumPorts struct {
	Ports []ciliumPort   `json:"ports,omitempty"`
	Rules map[string]any `json:"rules,omitempty"` // of application protocols
}

type ciliumPort struct {
	Port     string `json:"port"`
	EndPort  int32  `json:"endPort,omitempty"`
	Protocol string `json:"protocol,omitempty"`
}

// ciliumPeers is what rules of both directions have in common.
type ciliumPeers struct {
	word      string // From or To
	endpoints []metav1.LabelSelector
	cidr      []string
	cidrSet   []ciliumCIDR
	entities  []string
	fqdns     []any
	ports     []ciliumPorts
	icmps     []any
}

func fromPeers(r *ciliumIngress) ciliumPeers {
	return ciliumPeers{"from", r.FromEndpoints, r.FromCIDR, r.FromCIDRSet, r.FromEntities, nil, r.ToPorts, r.ICMPs}
}

func toPeers(r *ciliumEgress) ciliumPeers {
	return ciliumPeers{"to", r.ToEndpoints, r.ToCIDR, r.ToCIDRSet, r.ToEntities, r.ToFQDNs, r.ToPorts, r.ICMPs}
}
