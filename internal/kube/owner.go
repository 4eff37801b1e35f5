package kube

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// ownerWait is how long a pod's workload may take to become known by its last
// name: ReplicaSets and pods come by different streams, in any order.
const ownerWait = flow.Nanos(5e9)

// level is a kind of controller that is itself controlled by another.
type level uint8

const (
	replicaSets level = iota // of Deployments
	jobs                     // of CronJobs
	levels
)

// kind is the level's own kind, for those that nobody controls.
func (l level) kind() string { return [levels]string{"ReplicaSet", "Job"}[l] }

// reference is an object's controller; the zero reference is none.
type reference struct {
	id         uid
	kind, name string
	level      level // levels: it has no controller of its own
}

func controllerOf(refs []metav1.OwnerReference) reference {
	ref := metav1.GetControllerOfNoCopy(&metav1.ObjectMeta{OwnerReferences: refs})
	// A static pod is "controlled" by its node, which is no workload.
	if ref == nil || ref.Kind == "Node" {
		return reference{}
	}
	r := reference{id: uidOf(ref.UID), kind: ref.Kind, name: ref.Name, level: levels}
	switch ref.APIVersion + " " + ref.Kind {
	case "apps/v1 ReplicaSet":
		r.level = replicaSets
	case "batch/v1 Job":
		r.level = jobs
	}
	return r
}

// workload is what pods belong to, shared by them all. It is kept for as long
// as somebody holds it.
type workload struct {
	id                    uid
	namespace, name, kind string
	labels                []flow.Label // of one of its pods, as most have the same
	holders               int          // pods, ReplicaSets and Jobs
}

// share returns labels, from the workload's own copy if that is the same.
func (w *workload) share(labels []flow.Label) []flow.Label {
	if !slices.Equal(w.labels, labels) {
		w.labels = labels
	}
	return w.labels
}

// ownerFacts is what is kept of a ReplicaSet or Job.
type ownerFacts struct {
	object
	name       name
	controller reference
}

func ownerFactsOf(o *metav1.PartialObjectMetadata) *ownerFacts {
	return &ownerFacts{
		object:     object{id: uidOf(o.UID)},
		name:       name{o.Namespace, o.Name},
		controller: controllerOf(o.OwnerReferences),
	}
}

// owners knows the workloads.
type owners struct {
	workloads map[uid]*workload
	parent    [levels]map[uid]*workload // who stands behind a ReplicaSet or Job
	waiting   map[uid]map[*pod]struct{} // pods whose ReplicaSet or Job is not known
	off       [levels]bool              // not to be had: do not wait
}

func newOwners() owners {
	o := owners{workloads: map[uid]*workload{}, waiting: map[uid]map[*pod]struct{}{}}
	for l := range o.parent {
		o.parent[l] = map[uid]*workload{}
	}
	return o
}

// hold is the workload with that UID, for one more holder.
func (o *owners) hold(id uid, namespace, name, kind string) *workload {
	w := o.workloads[id]
	if w == nil {
		w = &workload{id: id, namespace: namespace, name: name, kind: kind}
		o.workloads[id] = w
	}
	w.holders++
	return w
}

func (o *owners) release(w *workload) {
	if w.holders--; w.holders == 0 {
		delete(o.workloads, w.id)
	}
}

// leave undoes own.
func (o *owners) leave(p *pod) {
	if p.owner == nil {
		return
	}
	o.release(p.owner)
	o.forget(p)
}

// forget takes p from those that wait.
func (o *owners) forget(p *pod) {
	if pods := o.waiting[p.controller]; pods != nil {
		if delete(pods, p); len(pods) == 0 {
			delete(o.waiting, p.controller)
		}
	}
}

// own finds the pod's workload. A controller never changes but from none to
// one; what stands behind it comes by putOwner.
func (ix *index) own(p *pod, f *podFacts, now flow.Nanos) {
	o, c := &ix.owners, f.controller
	if p.owner != nil && p.controller == c.id {
		return
	}
	o.leave(p)
	p.controller, p.patience = c.id, 0
	if c == (reference{}) {
		p.owner = o.hold(p.id, f.name.namespace, f.name.name, "Pod")
		return
	}
	if c.level < levels {
		if w := o.parent[c.level][c.id]; w != nil {
			w.holders++
			p.owner = w
			return
		}
		if !o.off[c.level] {
			o.wait(p)
			p.patience = now + ownerWait
		}
	}
	p.owner = o.hold(c.id, f.name.namespace, c.name, c.kind)
}

func (o *owners) wait(p *pod) {
	if o.waiting[p.controller] == nil {
		o.waiting[p.controller] = map[*pod]struct{}{}
	}
	o.waiting[p.controller][p] = struct{}{}
}

// putOwner takes what is known of a ReplicaSet or Job.
func (ix *index) putOwner(l level, f *ownerFacts) {
	o, c := &ix.owners, f.controller
	if c == (reference{}) {
		c = reference{id: f.id, kind: l.kind(), name: f.name.name}
	}
	was := o.parent[l][f.id]
	if was != nil && was.id == c.id {
		return
	}
	w := o.hold(c.id, f.name.namespace, c.name, c.kind)
	o.parent[l][f.id] = w
	if was != nil {
		o.release(was)
		ix.adopt(f.id, w)
		return
	}
	for p := range o.waiting[f.id] {
		ix.reown(p, w)
	}
}

// adopt gives the pods of a controller to the workload that took it over,
// which is so rare that looking through all pods is cheaper than a table.
func (ix *index) adopt(controller uid, w *workload) {
	for _, p := range ix.pods {
		if p.controller == controller {
			ix.reown(p, w)
		}
	}
}

func (ix *index) reown(p *pod, w *workload) {
	ix.owners.leave(p)
	w.holders++
	p.owner, p.patience = w, 0
	ix.again(p)
}

// removeOwner forgets a ReplicaSet or Job; its pods keep their workload.
func (ix *index) removeOwner(l level, id uid) {
	if w := ix.owners.parent[l][id]; w != nil {
		delete(ix.owners.parent[l], id)
		ix.owners.release(w)
	}
}
