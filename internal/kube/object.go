package kube

import (
	"encoding/hex"
	"hash/fnv"
	"net/netip"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// uid is an object's UID without a pointer, for tables of a hundred thousand.
type uid [16]byte

// uidOf reads the usual form, a UUID; any other text is hashed.
func uidOf(text types.UID) uid {
	var u uid
	if len(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-' {
		digits := text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
		if _, err := hex.Decode(u[:], []byte(digits)); err == nil {
			return u
		}
	}
	h := fnv.New128a()
	h.Write([]byte(text))
	h.Sum(u[:0])
	return u
}

// facts is what is kept of an object as it comes from the API server.
type facts interface {
	key() uid
	// until is when what the object stands for came to its end, 0 if not known.
	until() flow.Nanos
}

// object is the part of all facts.
type object struct {
	id uid
	to flow.Nanos
}

func (o object) key() uid          { return o.id }
func (o object) until() flow.Nanos { return o.to }

// name is an object's name in its namespace.
type name struct{ namespace, name string }

// maxAddrs bounds the addresses taken from one object: a pod or node has a few,
// and whoever may write a status must not fill our memory.
const maxAddrs = 64

// addrsOf reads addresses; what cannot be a peer's on a network is left out.
func addrsOf(texts []string) []flow.Addr {
	var addrs []flow.Addr
	for _, text := range texts {
		if len(addrs) == maxAddrs {
			break
		}
		if a, ok := addrOf(text); ok {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

func addrOf(text string) (flow.Addr, bool) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() {
		return flow.Addr{}, false
	}
	return flow.AddrFrom(a), true
}

// maxSeconds is the year 2242, so that Nanos do not overflow.
const maxSeconds = 1 << 33

// nanosOf is 0 for a time that is not set or makes no sense.
func nanosOf(t metav1.Time) flow.Nanos {
	s := t.Unix()
	if t.IsZero() || s <= 0 || s > maxSeconds {
		return 0
	}
	return flow.Nanos(t.UnixNano())
}
