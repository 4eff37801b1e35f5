package policy

import "unsafe"

// What things cost beside the structures themselves: keys, map slots, strings.
const (
	perPod       = int(unsafe.Sizeof(pod{})) + 160
	perPort      = int(unsafe.Sizeof(NamedPort{})) + 16
	perNode      = int(unsafe.Sizeof(node{})) + 96
	perNamespace = int(unsafe.Sizeof(namespace{})) + 160
	perSet       = int(unsafe.Sizeof(labelSet{})) + 96
	perLabel     = int(unsafe.Sizeof(label{})) + 48
	perSelector  = int(unsafe.Sizeof(selector{})) + 320
	perPolicy    = int(unsafe.Sizeof(policy{})) + 480
	perPart      = int(unsafe.Sizeof(peer{})) + 32
)

// Stats is what an Evaluator holds.
type Stats struct {
	Pods, Namespaces, Nodes int
	Policies, Candidates    int // objects
	LabelSets, Selectors    int // distinct
	Bytes                   int // estimated
	// Refused counts the objects that had no room.
	Refused uint64
}

// Stats counts what there is. It does not wait for readers, nor they for it.
func (e *Evaluator) Stats() Stats {
	e.write.Lock()
	defer e.write.Unlock()
	s := Stats{
		Pods: len(e.pods), Namespaces: len(e.namespaces), Nodes: len(e.nodes),
		LabelSets: len(e.table.sets), Selectors: len(e.table.byText),
		Bytes: e.bytes(), Refused: e.refused,
	}
	for _, o := range e.objects {
		s.Policies += bit(o.inForce != nil)
		s.Candidates += bit(o.candidate != nil)
	}
	return s
}

// bytes estimates the memory in use.
func (e *Evaluator) bytes() int {
	t := &e.table
	return len(e.pods)*perPod + e.ports*perPort + len(e.nodes)*perNode + len(e.namespaces)*perNamespace +
		len(t.sets)*(perSet+8*t.words) + t.labels*perLabel +
		len(t.byText)*perSelector + len(e.objects)*perPolicy + e.parts*perPart
}

// full tells whether there is no room for a pod, a namespace or a node.
func (e *Evaluator) full() bool { return e.bytes() >= e.maxBytes }

// wouldFill tells whether there is no room for a policy of so many parts.
func (e *Evaluator) wouldFill(parts int) bool {
	return e.bytes()+perPolicy+parts*perPart > e.maxBytes
}
