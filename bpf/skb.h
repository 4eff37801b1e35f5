/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Reading packets at the tc hooks: linear or not, with Ethernet header or without,
 * super-packets of GSO and GRO. */
#pragma once

#include "known.h"

/* Returns a packed layout. A global function: verified once, by itself. */
__noinline __u64 parse_skb(struct __sk_buff *skb, __u32 ethernet)
{
	if (!skb)
		return 0;
	return parse((void *)(long)skb->data, (void *)(long)skb->data_end, skb->len, ethernet, skb->protocol);
}

/* Makes headers linear that are not. */
static __always_inline void pull(struct __sk_buff *skb)
{
	if (skb->data_end - skb->data < skb->len)
		bpf_skb_pull_data(skb, skb->len < HEADER_BYTES ? skb->len : HEADER_BYTES);
}

static __always_inline __u64 pull_and_parse(struct __sk_buff *skb, bool ethernet)
{
	union packed_layout l = {.packed = parse_skb(skb, ethernet)};

	if (!l.layout.cut && l.layout.result != CUT_SHORT)
		return l.packed;
	pull(skb);
	return parse_skb(skb, ethernet);
}

/* The long way, for one family. Returns where the IP header begins that an ICMP error quotes, 0 if nothing is
 * to be told. */
static __always_inline __u32 look_closely_at_skb(struct __sk_buff *skb, struct observation *o, __u64 layout,
						 bool absent, bool v6)
{
	void *start = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct packet p;
	enum parsed result = unpack(&p, layout, v6, skb->len, skb->vlan_present, start, end,
				    o->slot_flags & SLOT_NO_ETHERNET ? 0 : ETH_HLEN);

	/* from here the verifier knows nothing of how the packet was read, or it would walk the rest for each
	 * way */
	asm volatile("" : : "r"(&p) : "memory");
	o->ctx = skb;
	measure(o, p.wire);
	if (skb->gso_size) {
		measure_segments(o, p.headers, skb->gso_size, skb->gso_segs);
		count_segments(o, skb->len);
	}
	return account(o, &p, result, absent, v6) ? p.l4 + ICMP_HEADER : 0;
}

typedef __u32 (*look_closely_t)(struct __sk_buff *, struct stats *, __u64 place, __u64 layout);

static __always_inline int observe_skb(struct __sk_buff *skb, struct observation *o,
				       look_closely_t look_closely4, look_closely_t look_closely6)
{
	struct plain plain = {skb, (void *)(long)skb->data, (void *)(long)skb->data_end, skb->len};

	count_seen(o, skb->len);
	enum short_way way = count_short(o, &plain);

	if (way == COUNTED)
		return pass(false);
	union place place = {{o->slot, o->slot_flags, o->generation, way == ABSENT}};
	union packed_layout l;

	if (way == ODD)
		l.packed = pull_and_parse(skb, !(o->slot_flags & SLOT_NO_ETHERNET));
	else
		l.packed = plain_layout((void *)(long)skb->data, (void *)(long)skb->data_end);
	__u32 quoted = l.layout.v6 ? look_closely6(skb, o->stats, place.packed, l.packed)
				   : look_closely4(skb, o->stats, place.packed, l.packed);

	if (quoted) {
		struct quoting q = {quoted, o->generation, o->slot};

		pull(skb);
		count_unreachable(&q, (void *)(long)skb->data, (void *)(long)skb->data_end);
	}
	return pass(false);
}
