/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Reading packets at the tc hooks: linear or not, with Ethernet header or without,
 * super-packets of GSO and GRO. */
#pragma once

#include "account.h"

/* Returns a packed layout. A global function: verified once, by itself. */
__noinline __u64 parse_skb(struct __sk_buff *skb, __u32 ethernet)
{
	if (!skb)
		return 0;
	return parse((void *)(long)skb->data, (void *)(long)skb->data_end, skb->len,
		     ethernet ? 0 : skb->protocol);
}

/* Headers beyond the linear part of the packet are made linear and looked at again. */
static __always_inline __u64 pull_and_parse(struct __sk_buff *skb, __u32 ethernet)
{
	union packed_layout p = {.packed = parse_skb(skb, ethernet)};
	bool whole = p.layout.result == PARSED ? p.layout.has_l4 || p.layout.later_fragment
					       : p.layout.result < CUT_SHORT;

	if (whole || skb->data_end - skb->data >= skb->len)
		return p.packed;
	bpf_skb_pull_data(skb, skb->len < HEADER_BYTES ? skb->len : HEADER_BYTES);
	return parse_skb(skb, ethernet);
}

static __always_inline enum parsed read_skb(struct __sk_buff *skb, struct packet *p, bool ethernet)
{
	void *start = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	p->wire = skb->len;
	p->vlan = skb->vlan_present;
	if (ethernet) {
		p->v6 = false;
		if (read_plain4(p, start, end))
			return PARSED;
		p->v6 = true;
		if (read_plain6(p, start, end))
			return PARSED;
	}
	__u64 layout = pull_and_parse(skb, ethernet);

	start = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	return unpack(p, layout, skb->len, skb->vlan_present, start, end, ethernet ? ETH_HLEN : 0);
}

static __always_inline int observe_skb(struct __sk_buff *skb, struct observation *o, bool uplink)
{
	struct packet p;
	enum parsed result = read_skb(skb, &p, !(o->slot_flags & SLOT_NO_ETHERNET));

	/* from here the verifier knows nothing of how the packet was read, or it would walk the rest for each
	 * way */
	asm volatile("" : : "r"(&p) : "memory");
	o->ctx = skb;
	measure(o, p.wire, p.headers, skb->gso_size, skb->gso_segs);
	if (account(o, &p, result, uplink)) {
		struct quoting q = {o->generation, p.l4 + ICMP_HEADER, o->slot, p.v6};

		count_unreachable(&q, (void *)(long)skb->data, (void *)(long)skb->data_end);
	}
	return pass(false);
}
