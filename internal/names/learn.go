package names

import (
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

const (
	// keepPastTTL: resolvers forget at the TTL, programs that have the address do not.
	keepPastTTL = flow.Nanos(5 * time.Minute)
	// longestTTL bounds what a server can make us keep.
	longestTTL = uint32(24 * 60 * 60)
	// namesOfAddress is how many names one client can have for an address: shared hosts.
	namesOfAddress = 8
)

// LearnedCounters say what was kept and what was not.
type LearnedCounters struct {
	Learned uint64 // names that were new for the client and address
	Renewed uint64
	Expired uint64
	Evicted uint64 // forgotten before their time, for want of room
}

// Learned keeps under what name each client knows an address: the one that it
// asked for, not what a CNAME led to.
type Learned struct {
	arena[lesson]
	limit, perClient int
	of               map[tie]int32
	all              fifo                // least recently learned or used first
	clients          map[flow.Addr]*fifo // the same of each client
	byClient         []link
	count            LearnedCounters
}

// tie is what a name belongs to.
type tie struct{ client, addr flow.Addr }

// lesson is a name of an address for a client.
type lesson struct {
	tie
	name        string
	first, last flow.Nanos // answers
	until       flow.Nanos
	other       int32 // next of the same tie
}

// NewLearned makes an empty one.
func NewLearned(config DNSConfig) *Learned {
	return &Learned{
		arena:     newArena[lesson](),
		limit:     config.MaxNames,
		perClient: config.MaxNamesPerClient,
		of:        map[tie]int32{},
		clients:   map[flow.Addr]*fifo{},
	}
}

// Counters are those since the beginning.
func (l *Learned) Counters() LearnedCounters { return l.count }

// Len is the number of names.
func (l *Learned) Len() int { return l.all.length }

// Learn takes what an answered question taught its client.
func (l *Learned) Learn(t *Transaction) {
	if t.TimedOut || t.RCode != noError || t.Class != classINET {
		return
	}
	at := t.Asked + flow.Nanos(t.Duration)
	for _, a := range t.Answers {
		until := at + flow.Nanos(min(a.TTL, longestTTL))*flow.Nanos(time.Second) + keepPastTTL
		l.learn(tie{t.Client, a.Addr}, t.Name, at, until)
	}
}

// Name is what the client called the address at that time: the name that it asked
// for last before. A connection's name is to be looked up with the time of its first packet.
func (l *Learned) Name(client, addr flow.Addr, at flow.Nanos) (string, bool) {
	var latest flow.Nanos
	found := none
	for i := l.of[tie{client, addr}]; i != none; i = l.items[i].other {
		e := &l.items[i]
		learned := e.last
		if learned > at {
			learned = e.first
		}
		if learned <= at && at < e.until && (found == none || learned > latest) {
			found, latest = i, learned
		}
	}
	if found == none {
		return "", false
	}
	return l.items[found].name, true
}

// Keep says that a connection to the address under that name lives.
func (l *Learned) Keep(client, addr flow.Addr, name string, now flow.Nanos) {
	for i := l.of[tie{client, addr}]; i != none; i = l.items[i].other {
		if e := &l.items[i]; e.name == name {
			e.until = max(e.until, now+keepPastTTL)
			l.touch(i)
			return
		}
	}
}

// Forget drops what a client learned: its address is another's from now on.
func (l *Learned) Forget(client flow.Addr) {
	for own := l.clients[client]; own != nil && own.first != none; {
		l.remove(own.first)
	}
}

// Expire forgets what is out of date. It looks at every name.
func (l *Learned) Expire(now flow.Nanos) {
	for i := l.all.first; i != none; {
		next := l.links[i].next
		if l.items[i].until <= now {
			l.remove(i)
			l.count.Expired++
		}
		i = next
	}
}

func (l *Learned) learn(k tie, name string, at, until flow.Nanos) {
	n, oldest := 0, none
	for i := l.of[k]; i != none; i = l.items[i].other {
		e := &l.items[i]
		if e.name == name {
			l.count.Renewed++
			if e.until <= at {
				e.first = at
			}
			e.last, e.until = max(e.last, at), max(e.until, until)
			l.touch(i)
			return
		}
		if n++; oldest == none || e.last < l.items[oldest].last {
			oldest = i
		}
	}
	if n >= namesOfAddress {
		l.evict(oldest)
	}
	l.room(k.client)
	i := l.take()
	l.items[i] = lesson{tie: k, name: name, first: at, last: at, until: until, other: l.of[k]}
	l.of[k] = i
	l.push(i)
	l.count.Learned++
}

// room makes some for another name of the client.
func (l *Learned) room(client flow.Addr) {
	if p := l.clients[client]; p != nil && p.length >= l.perClient {
		l.evict(p.first)
	}
	if l.all.length >= l.limit {
		l.evict(l.all.first)
	}
}

func (l *Learned) evict(i int32) {
	l.remove(i)
	l.count.Evicted++
}

func (l *Learned) remove(i int32) {
	l.unlink(i)
	e := &l.items[i]
	first := l.of[e.tie]
	switch {
	case first != i:
		p := &l.items[first].other
		for *p != i {
			p = &l.items[*p].other
		}
		*p = e.other
	case e.other != none:
		l.of[e.tie] = e.other
	default:
		delete(l.of, e.tie)
	}
	l.drop(i)
}

// push makes a name the last to be forgotten.
func (l *Learned) push(i int32) {
	client := l.items[i].client
	own := l.clients[client]
	if own == nil {
		own = &fifo{}
		l.clients[client] = own
	}
	for len(l.byClient) < len(l.items) {
		l.byClient = append(l.byClient, link{})
	}
	own.push(l.byClient, i)
	l.all.push(l.links, i)
}

func (l *Learned) touch(i int32) {
	own := l.clients[l.items[i].client]
	own.remove(l.byClient, i)
	own.push(l.byClient, i)
	l.all.remove(l.links, i)
	l.all.push(l.links, i)
}

func (l *Learned) unlink(i int32) {
	client := l.items[i].client
	own := l.clients[client]
	own.remove(l.byClient, i)
	if own.length == 0 {
		delete(l.clients, client)
	}
	l.all.remove(l.links, i)
}
