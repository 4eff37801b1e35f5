/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ICMP errors that say a packet could not be handed over (RFC 792, RFC 4443): they
 * quote it, and the quoted flow's entry learns of it. */
#pragma once

#include "flow.h"

#define ICMP_DEST_UNREACH   3
#define ICMP_FRAG_NEEDED    4 /* a code: path MTU discovery, no failure */
#define ICMPV6_DEST_UNREACH 1
#define ICMP_HEADER	    8

static __always_inline bool quotes(const struct packet *p, bool v6)
{
	if (!p->has_l4)
		return false;
	if (v6)
		return p->proto == IPPROTO_ICMPV6 && p->icmp_type == ICMPV6_DEST_UNREACH;
	return p->proto == IPPROTO_ICMP && p->icmp_type == ICMP_DEST_UNREACH &&
	       p->icmp_code != ICMP_FRAG_NEEDED;
}

/* Where an ICMP error was seen, and where in it the quoted IP header begins. */
struct quoting {
	__u64 offset;
	__u32 generation;
	__u16 slot;
};

/* What is quoted is the beginning of a packet. Not inlined: it is rare, and the verifier has enough paths. */
static __noinline void count_unreachable(const struct quoting *q, void *start, void *end)
{
	struct observation o = {.generation = q->generation, .slot = q->slot};
	union packed_layout quoted = {};
	struct packet p;
	union flow_key key;
	__u64 offset = q->offset;

	barrier_var(offset);
	if (offset > HEADER_BYTES)
		return;
	struct cursor c = {.start = start, .end = end, .offset = offset};
	__u8 *version = PEEK(&c, __u8);
	bool v6 = version && *version >> 4 == 6;

	quoted.layout.v6 = v6;
	quoted.layout.result = v6 ? parse_ip6(&c, &quoted.layout, ~0) : parse_ip4(&c, &quoted.layout, ~0);
	if (unpack(&p, quoted.packed, v6, ~0, false, start, end, offset) != PARSED || p.later_fragment)
		return;
	__u32 dir = make_key(&key, &p, v6);
	struct flow *flow = find_flow(o.generation, &key, v6);

	if (!flow) {
		struct flow *drafted = draft_flow(&o, dir);

		if (!drafted || insert_flow(&o, &key, drafted, v6))
			return;
		flow = find_flow(o.generation, &key, v6);
	}
	if (flow)
		ADD(flow->unreachable[dir & 1], 1);
}
