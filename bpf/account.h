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

	if (p->vlan)
		return false; /* the entry is that of the VLAN device on top, which counts the same packet */
	if (class == CLASS_UNDECIDED) {
		class = classify(o->hook == HOOK_EGRESS ? p->saddr : p->daddr, v6, p->proto, p->sport,
				 p->dport);
		if (flow)
			flow->class = class;
	}
	return class == CLASS_COUNTED;
}

/* Counts a packet in an entry, and does what is done once. Returns true if it is an ICMP error whose quoted
 * flow shall learn of it. */
static __always_inline bool account_entry(struct observation *o, struct flow *flow, const union flow_key *key,
					  const struct packet *p, __u32 dir, bool v6)
{
	bool first_side = is_first_side(o, flow, dir);

	if (o->uplink)
		flow->class = CLASS_COUNTED;
	if (count_flow(o, flow, p, dir, first_side)) {
		if (flow->claim == CLAIM_NONE)
			flow->claim = o->uplink ? claim_at_uplink(o, p, v6) : claim_at_pod(o, p, v6);
		look_up_nat(o, flow, key, p, dir, v6);
	}
	return first_side && quotes(p, v6);
}

/* Inserts the draft that has the packet. Where another CPU was first, the packet is counted in its entry. */
static __always_inline bool settle_draft(struct observation *o, struct flow *flow, const union flow_key *key,
					 const struct packet *p, __u32 dir, bool v6)
{
	long err = insert_flow(o, key, flow, v6);

	if (err != -EEXIST)
		return !err;
	flow = find_flow(o->generation, key, v6);
	if (flow)
		count_flow(o, flow, p, dir, is_first_side(o, flow, dir));
	return flow;
}

/* `absent`: the flow was looked for and has no entry. Returns as account_entry does. */
static __always_inline bool account_flow(struct observation *o, const struct packet *p, bool absent, bool v6)
{
	union flow_key key;
	__u32 dir = make_key(&key, p, v6);
	struct flow *entry = absent ? NULL : find_flow(o->generation, &key, v6);

	if (o->uplink && !counts_at_uplink(o, entry, p, v6)) {
		count(&o->stats->transit, o);
		return false;
	}
	struct flow *flow = entry ? entry : draft_flow(o, dir);
	bool tells = flow && account_entry(o, flow, &key, p, dir, v6);

	if (!flow || (!entry && !settle_draft(o, flow, &key, p, dir, v6))) {
		refuse(o, p, v6);
		return false;
	}
	count(&o->stats->flows, o);
	return tells;
}

/* Every packet that was seen ends in exactly one more statistic. Returns as account_flow does. */
static __always_inline bool account(struct observation *o, struct packet *p, enum parsed result, bool absent,
				    bool v6)
{
	if (result == NOT_IP) {
		count(&o->stats->not_ip, o);
		return false;
	}
	if (result != PARSED) {
		count(&o->stats->malformed, o);
		return false;
	}
	if (o->hook == HOOK_EGRESS && o->slot_flags & SLOT_INSIDE) {
		count(&o->stats->transit, o);
		return false;
	}
	if (p->fragment)
		join_fragments(p, v6);
	if (sampled_out(o, p)) {
		count(&o->stats->skipped, o);
		return false;
	}
	return account_flow(o, p, absent, v6);
}
