/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A packet that was read, to the entry or the statistic that it counts in: the same
 * for both families, all hooks and both roles. */
#pragma once

#include "conntrack.h"
#include "fragment.h"
#include "icmp.h"
#include "uplink.h"

#define TC_NEXT (-1) /* TCX_NEXT, and for cls_bpf TC_ACT_UNSPEC: go on with the next program */

/* The only verdict there is. */
static __always_inline int pass(bool xdp)
{
	return xdp ? XDP_PASS : TC_NEXT;
}

static __always_inline bool sampled_out(struct observation *o, const struct packet *p)
{
	if (sampling <= 1)
		return false;
	if (p->proto == IPPROTO_TCP && p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST))
		return false;
	if (p->proto == IPPROTO_ICMP && p->icmp_type != 0 && p->icmp_type != 8)
		return false;
	if (p->proto == IPPROTO_ICMPV6 && p->icmp_type < 128)
		return false;
	if (p->sport == 53 || p->dport == 53)
		return false;
	if (bpf_get_prandom_u32() % sampling)
		return true;
	o->weight = sampling;
	return false;
}

/* At an uplink: false if the packet is transit. Marks the entry, if there is one. */
static __always_inline bool counts_at_uplink(const struct observation *o, struct flow *flow,
					     const struct packet *p, bool v6)
{
	__u8 class = flow ? flow->class : CLASS_UNDECIDED;

	if (class == CLASS_UNDECIDED) {
		class = classify(o, p, v6);
		if (flow)
			flow->class = class;
	}
	return class == CLASS_COUNTED;
}

/* Returns true if the packet is an ICMP error whose quoted flow shall learn of it. */
static __always_inline bool account_flow(struct observation *o, struct packet *p, bool uplink, bool v6)
{
	union flow_key key;

	if (p->fragment)
		join_fragments(p, v6);
	__u32 dir = make_key(&key, p, v6);
	struct flow *flow = find_flow(o->generation, &key, v6);

	if (uplink && !counts_at_uplink(o, flow, p, v6)) {
		count(&o->stats->transit, o);
		return false;
	}
	if (!flow)
		flow = create_flow(o->generation, o->slot, &key, dir, v6);
	if (!flow) {
		refuse(o, p, v6);
		return false;
	}
	bool first_side = o->side == SENT || !flow->dir[dir & 1].sent_packets;

	if (count_flow(o, flow, p, dir, first_side)) {
		if (uplink)
			flow->class = CLASS_COUNTED;
		if (flow->claim == CLAIM_NONE)
			flow->claim = uplink ? claim_at_uplink(o, p, v6) : claim_at_pod(o, p, v6);
		look_up_nat(o, flow, &key, p, dir, v6);
	}
	return first_side && quotes(p, v6);
}

/* Every packet that was seen ends in exactly one statistic. Returns as account_flow does. */
static __always_inline bool account(struct observation *o, struct packet *p, enum parsed result, bool uplink)
{
	count(&o->stats->seen, o);
	if (o->packets > 1) {
		o->stats->segmented.packets += o->packets - 1;
		o->stats->segmented.bytes += o->bytes - p->wire;
	}
	if (result == NOT_IP) {
		count(&o->stats->not_ip, o);
	} else if (result != PARSED) {
		count(&o->stats->malformed, o);
	} else if (o->side == DELIVERED && o->slot_flags & SLOT_INSIDE) {
		count(&o->stats->transit, o);
	} else if (sampled_out(o, p)) {
		count(&o->stats->skipped, o);
	} else {
		return p->v6 ? account_flow(o, p, uplink, true) : account_flow(o, p, uplink, false);
	}
	return false;
}
