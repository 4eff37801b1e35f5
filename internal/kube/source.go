package kube

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// source is one resource that is watched into the index.
type source struct {
	resource schema.GroupResource
	example  runtime.Object
	lists    *cache.ListWatch
	// without says what is lost when the API server refuses the resource;
	// empty: too much to call it optional.
	without string
	off     func(bool) // told when the API server refuses it, and when no longer
	table   table
}

// table is where the facts of one resource are kept. Its functions but trim
// are called with the index locked.
type table struct {
	trim   func(obj any) (facts, bool)
	put    func(f facts, now flow.Nanos) (happened flow.Nanos)
	remove func(id uid, to, now flow.Nanos)
	// stale is what the table has and present has not.
	stale func(present map[uid]bool) []uid
}

// run lists and watches until ctx ends.
func (s *source) run(ctx context.Context, ix *index, health *health, lag func(time.Duration)) {
	logger := klog.FromContext(ctx)
	store := &store{
		table: s.table, ix: ix, now: time.Now, lag: lag,
		first: func() { health.settle(s) },
	}
	// No resync: the store is never wrong for longer than the watch.
	cache.NewReflectorWithOptions(s.observed(health), s.example, store, cache.ReflectorOptions{
		Logger: &logger, Name: s.resource.String(), Clock: cancelledBy(ctx),
	}).RunWithContext(ctx)
}

// store is the reflector's way into the index. Objects are trimmed as they are
// decoded, in the first list too, so that a few of them exist at a time.
type store struct {
	table
	ix    *index
	now   func() time.Time
	lag   func(time.Duration)
	first func()
}

var _ cache.TransformingStore = (*store)(nil)

// Transformer makes the reflector trim what it collects of a streamed list.
func (s *store) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) {
		if f, ok := s.trimmed(obj); ok {
			return f, nil
		}
		return obj, nil
	}
}

func (s *store) trimmed(obj any) (facts, bool) {
	if f, done := obj.(facts); done {
		return f, true
	}
	return s.trim(obj)
}

func (s *store) Add(obj any) error {
	f, ok := s.trimmed(obj)
	if !ok {
		return nil
	}
	now := s.now()
	s.ix.mu.Lock()
	happened := s.put(f, flow.Nanos(now.UnixNano()))
	s.ix.mu.Unlock()
	if happened != 0 {
		s.lag(max(0, now.Sub(time.Unix(0, int64(happened)))))
	}
	return nil
}

func (s *store) Update(obj any) error { return s.Add(obj) }

func (s *store) Delete(obj any) error {
	if f, ok := s.trimmed(obj); ok {
		s.ix.mu.Lock()
		defer s.ix.mu.Unlock()
		s.remove(f.key(), f.until(), flow.Nanos(s.now().UnixNano()))
	}
	return nil
}

// Replace takes a whole list, and ends what is not in it: that vanished while
// we did not see it.
func (s *store) Replace(objs []any, _ string) error {
	present := make(map[uid]bool, len(objs))
	for i, obj := range objs {
		objs[i] = nil // the list may be of whole objects
		f, ok := s.trimmed(obj)
		if !ok {
			continue
		}
		present[f.key()] = true
		s.ix.mu.Lock()
		s.put(f, flow.Nanos(s.now().UnixNano()))
		s.ix.mu.Unlock()
	}
	s.ix.mu.Lock()
	for _, id := range s.stale(present) {
		s.remove(id, 0, flow.Nanos(s.now().UnixNano()))
	}
	s.ix.mu.Unlock()
	s.first()
	return nil
}

func (s *store) Resync() error { return nil }
