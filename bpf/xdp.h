/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Reading packets at the XDP hook: what arrives at an uplink, before GRO. */
#pragma once

#include "known.h"

/* The EtherType of a packet without Ethernet header, by its first nibble. */
static __always_inline __be16 type_by_version(void *start, void *end)
{
	__u8 *first = start;

	if ((void *)(first + 1) > end)
		return 0;
	return *first >> 4 == 4 ? bpf_htons(ETH_P_IP) : *first >> 4 == 6 ? bpf_htons(ETH_P_IPV6) : 0;
}

/* Returns a packed layout. A global function: verified once, by itself. */
__noinline __u64 parse_xdp(struct xdp_md *xdp, __u32 ethernet)
{
	if (!xdp)
		return 0;
	void *start = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;

	return parse(start, end, end - start, ethernet, ethernet ? 0 : type_by_version(start, end));
}

/* As look_closely_at_skb. Every XDP hook is an uplink's. */
static __always_inline __u32 look_closely_at_xdp(struct xdp_md *xdp, struct stats *stats, __u64 where,
						 __u64 layout, bool v6)
{
	union place place = {.packed = where};
	struct observation o = OBSERVATION(HOOK_INGRESS, DELIVERED, true, place, stats);
	void *start = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	struct packet p;
	enum parsed result = unpack(&p, layout, v6, end - start, false, start, end,
				    place.flags & SLOT_NO_ETHERNET ? 0 : ETH_HLEN);

	asm volatile("" : : "r"(&p) : "memory"); /* as in skb.h */
	o.ctx = xdp;
	o.xdp = true;
	measure(&o, p.wire);
	return account(&o, &p, result, place.absent, v6) ? p.l4 + ICMP_HEADER : 0;
}

static __noinline __u32 look_closely_at_xdp4(struct xdp_md *xdp, struct stats *stats, __u64 place,
					     __u64 layout)
{
	return look_closely_at_xdp(xdp, stats, place, layout, false);
}

static __noinline __u32 look_closely_at_xdp6(struct xdp_md *xdp, struct stats *stats, __u64 place,
					     __u64 layout)
{
	return look_closely_at_xdp(xdp, stats, place, layout, true);
}

static __always_inline int observe_xdp(struct xdp_md *xdp, struct observation *o)
{
	void *start = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	struct plain plain = {NULL, start, end, end - start};

	count_seen(o, plain.wire);
	enum short_way way = count_short(o, &plain);

	if (way == COUNTED)
		return pass(true);
	union place place = {{o->slot, o->slot_flags, o->generation, way == ABSENT}};
	union packed_layout l;

	if (way == ODD)
		l.packed = parse_xdp(xdp, !(o->slot_flags & SLOT_NO_ETHERNET));
	else
		l.packed = plain_layout((void *)(long)xdp->data, (void *)(long)xdp->data_end);
	__u32 quoted = l.layout.v6 ? look_closely_at_xdp6(xdp, o->stats, place.packed, l.packed)
				   : look_closely_at_xdp4(xdp, o->stats, place.packed, l.packed);

	if (quoted) {
		struct quoting q = {quoted, o->generation, o->slot};

		count_unreachable(&q, (void *)(long)xdp->data, (void *)(long)xdp->data_end);
	}
	return pass(true);
}
