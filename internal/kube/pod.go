package kube

import (
	"slices"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// pod is a pod for as long as it holds the same addresses.
type pod struct {
	id         uid
	controller uid // that its owner reference names, zero without one
	who        *flow.Endpoint
	owner      *workload
	node       *node
	addrs      []flow.Addr
	from, to   flow.Nanos // to is 0 while it lives
	// patience is until when the workload may still turn out to be another
	// than the one that who names.
	patience flow.Nanos
	running  bool
}

// gone tells whether p's end is so long past that its addresses are nobody's.
func (p *pod) gone(at flow.Nanos) bool { return p.to != 0 && at > p.to+keepEnded }

// putPod takes what is new of a pod. It returns when that happened in the
// cluster if it made an address known, else 0.
func (ix *index) putPod(f *podFacts, now flow.Nanos) flow.Nanos {
	p := ix.pods[f.id]
	if f.ended {
		ix.removePod(f.id, f.to, now)
		return 0
	}
	// Without addresses: none yet, or no longer in a dying pod's status; those
	// it had are its own until it ends.
	if len(f.addrs) == 0 {
		return 0
	}
	moved := p == nil || !slices.Equal(p.addrs, f.addrs)
	if moved {
		p = ix.house(p, f, now)
	}
	p.running = f.running
	ix.place(p, f.node)
	ix.own(p, f, now)
	ix.identify(p, f.uid, f.name.name, f.labels)
	if moved {
		return f.learned
	}
	return 0
}

// house gives the addresses to a new pod, or to one (was) that had others: the
// kubelet made it a new sandbox.
func (ix *index) house(was *pod, f *podFacts, now flow.Nanos) *pod {
	// Another node's clock may be ahead of ours.
	p := &pod{id: f.id, addrs: f.addrs, from: min(f.from, now)}
	if was != nil {
		p.from, p.who = now, was.who
		ix.endPod(was, now)
	}
	ix.pods[p.id] = p
	for _, a := range p.addrs {
		ix.addrs.take(a, p)
	}
	return p
}

// removePod ends a pod; to is 0 when the time is not known.
func (ix *index) removePod(id uid, to, now flow.Nanos) {
	p := ix.pods[id]
	if p == nil {
		return
	}
	if to == 0 || to > now {
		to = now
	}
	ix.endPod(p, to)
}

// endPod lets go of everything but the addresses and the name.
func (ix *index) endPod(p *pod, to flow.Nanos) {
	p.to = max(to, p.from)
	p.running = false
	delete(ix.pods, p.id)
	ix.nodes.leave(p)
	ix.owners.leave(p)
	ix.ended = append(ix.ended, p)
}

// prune forgets the pods whose end is long enough past.
func (ix *index) prune(now flow.Nanos) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.ended = slices.DeleteFunc(ix.ended, func(p *pod) bool {
		if !p.gone(now) {
			return false
		}
		for _, a := range p.addrs {
			ix.addrs.leave(a, p)
		}
		return true
	})
}

// place puts the pod on its node.
func (ix *index) place(p *pod, nodeName string) {
	if p.node != nil && p.node.name == nodeName {
		return
	}
	ix.nodes.leave(p)
	p.node = ix.nodes.named(nodeName)
	p.node.pods[p] = struct{}{}
}

// identify gives the pod the endpoint of what is known of it by now: the same
// one if nothing about it changed.
func (ix *index) identify(p *pod, uid, podName string, labels []flow.Label) {
	who := flow.Endpoint{
		Kind: flow.Pod, Local: p.node.local,
		Namespace: p.owner.namespace, OwnerName: p.owner.name, OwnerType: p.owner.kind,
		PodName: podName, PodUID: uid,
		NodeName: p.node.name, Zone: p.node.zone, Labels: labels,
	}
	if p.who != nil && equal(p.who, &who) {
		return
	}
	who.Labels = p.owner.share(labels)
	p.who = &who
}

// again is identify when the pod itself did not change.
func (ix *index) again(p *pod) { ix.identify(p, p.who.PodUID, p.who.PodName, p.who.Labels) }

func equal(a, b *flow.Endpoint) bool {
	return a.Kind == b.Kind && a.Local == b.Local &&
		a.Namespace == b.Namespace && a.OwnerName == b.OwnerName && a.OwnerType == b.OwnerType &&
		a.PodName == b.PodName && a.PodUID == b.PodUID && a.Service == b.Service &&
		a.NodeName == b.NodeName && a.Zone == b.Zone && a.CIDR == b.CIDR &&
		slices.Equal(a.Labels, b.Labels)
}
