package names

import (
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Answer is an address that an answer led to.
type Answer struct {
	Addr flow.Addr
	TTL  uint32 // seconds
}

// Transaction is a DNS question and what became of it. Its slices are reused
// after the call that it is handed to; strings stay.
type Transaction struct {
	Client, Server flow.Addr
	ClientPort     uint16
	ID             uint16
	Transport      uint8           // flow.UDP or flow.TCP
	Interface      *flow.Interface // where the question was seen

	Name  string // canonical: see appendName
	Type  uint16 // of the question; TypeName has its mnemonic
	Class uint16 // 1: Internet

	Asked         flow.Nanos    // first question
	Duration      time.Duration // until the answer, or the timeout
	Retransmits   uint32        // further questions, same in all, before the answer
	QuestionBytes int           // of the DNS message, of the first question
	AnswerBytes   int           // 0 without answer

	RCode     uint16 // with EDNS's part; RCodeName has its mnemonic; 0 without answer
	TimedOut  bool   // no answer in time
	Truncated bool   // TC: the client asks again over TCP, which is another transaction
	Searched  bool   // NXDOMAIN that only led the resolver on in its search list: see the package's comment
	Cut       bool   // question or answer was sampled in part: sizes are right, Answers and Aliases may lack some
	Malformed bool   // the records of the answer cannot be read; none is given

	Answers []Answer // addresses, of what Name is an alias for
	Aliases []string // targets of the CNAMEs from Name on, in order, canonical
}

// ErrorType is the value of error.type: timeout, or the response code's
// mnemonic, or nothing.
func (t *Transaction) ErrorType() string {
	switch {
	case t.TimedOut:
		return "timeout"
	case t.RCode == noError:
		return ""
	default:
		return RCodeName(t.RCode)
	}
}

// DNSCounters say what became of every message. Questions = Retransmits + Refused +
// transactions ended + those that wait; answers = transactions answered +
// Duplicates + Late + Unsolicited.
type DNSCounters struct {
	Questions   uint64 // read
	Answers     uint64 // read, whether or not their records could be
	Retransmits uint64 // questions of a transaction that waits
	Refused     uint64 // questions without a transaction, for want of room
	Duplicates  uint64 // answers of a transaction that was answered
	Late        uint64 // answers of one that had timed out
	Unsolicited uint64 // answers that nobody asked for
	Hurried     uint64 // NXDOMAINs taken for real before the resolver had time to go on, for want of room

	Malformed uint64 // messages, or records of an answer, that are no DNS
	Unread    uint64 // messages sampled too short to know the question
	Other     uint64 // other operations than queries, and what is not for port 53: multicast DNS
	Gaps      uint64 // TCP: segments missing or out of order; what they were part of is lost
	Evicted   uint64 // TCP: streams given up for want of room
}
