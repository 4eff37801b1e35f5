package names

// none is the index of nothing.
const none = int32(0)

// arena holds things by index, so that maps of them hold no pointers. An index
// can be in one list; pointers into items last until the next take.
type arena[T any] struct {
	items []T
	links []link
	free  int32 // list through next
}

type link struct{ prev, next int32 }

func newArena[T any]() arena[T] {
	return arena[T]{items: make([]T, 1, 64), links: make([]link, 1, 64)}
}

// take returns the index of a zero T that nobody has.
func (a *arena[T]) take() int32 {
	if i := a.free; i != none {
		a.free = a.links[i].next
		a.links[i] = link{}
		return i
	}
	var zero T
	a.items = append(a.items, zero)
	a.links = append(a.links, link{})
	return int32(len(a.items) - 1)
}

// drop gives an index back. It must be in no list.
func (a *arena[T]) drop(i int32) {
	var zero T
	a.items[i] = zero
	a.links[i].next = a.free
	a.free = i
}

// fifo is a list of indices through links: what came first leaves first, or any on demand.
type fifo struct {
	first, last int32
	length      int
}

func (l *fifo) push(links []link, i int32) {
	links[i] = link{prev: l.last}
	if l.last == none {
		l.first = i
	} else {
		links[l.last].next = i
	}
	l.last = i
	l.length++
}

func (l *fifo) remove(links []link, i int32) {
	at := links[i]
	if at.prev == none {
		l.first = at.next
	} else {
		links[at.prev].next = at.next
	}
	if at.next == none {
		l.last = at.prev
	} else {
		links[at.next].prev = at.prev
	}
	l.length--
}
