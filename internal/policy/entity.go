package policy

// entities is a set of the classes of ends that Cilium's policies name.
type entities uint16

const (
	all entities = 1 << iota
	world
	world4
	world6
	cluster
	host
	remoteNode
	apiServer
	unmanaged
	// special are ends that no fact tells of: Cilium's own health endpoints and
	// ingress proxies, and pods that it does not know yet.
	special
)

// entityOf is the class of a name. None is an entity that nobody is.
func entityOf(name string) (e entities, known bool) {
	switch name {
	case "all":
		return all, true
	case "world":
		return world, true
	case "world-ipv4":
		return world4, true
	case "world-ipv6":
		return world6, true
	case "cluster":
		return cluster, true
	case "host":
		return host, true
	case "remote-node":
		return remoteNode, true
	case "kube-apiserver":
		return apiServer, true
	case "unmanaged":
		return unmanaged, true
	case "health", "init", "ingress":
		return special, true
	case "none":
		return 0, true
	}
	return 0, false
}

// include tells whether an end is one of the entities, for a subject on its node.
func (e entities) include(o, subject *end) truth {
	if e&all != 0 {
		return yes
	}
	switch o.class {
	case thePod:
		if e&cluster != 0 {
			return yes
		}
		return maybeIf(e&unmanaged != 0)
	case somePod:
		if e&cluster != 0 {
			return yes
		}
		return maybeIf(e&(unmanaged|special) != 0)
	case theNode:
		if e&cluster != 0 || e&nodeClass(o, subject) != 0 {
			return yes
		}
		return maybeIf(e&apiServer != 0)
	case outside:
		family := world6
		if o.addr.is4 {
			family = world4
		}
		if e&(world|family) != 0 {
			return yes
		}
		return maybeIf(e&(apiServer|special) != 0)
	}
	return maybeIf(e != 0)
}

// nodeClass is what a node is for a subject.
func nodeClass(o, subject *end) entities {
	if isHome(o, subject) {
		return host
	}
	return remoteNode
}

// isHome tells whether o is the node that the subject runs on.
func isHome(o, subject *end) bool {
	return o.class == theNode && subject.class == thePod && o.node != "" && o.node == subject.pod.node
}

func maybeIf(b bool) truth {
	if b {
		return maybe
	}
	return no
}
