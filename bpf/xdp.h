/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Reading packets at the XDP hook: what arrives at an uplink, before GRO. */
#pragma once

#include "account.h"

/* Returns a packed layout. A global function: verified once, by itself. */
__noinline __u64 parse_xdp(struct xdp_md *xdp, __u32 wire)
{
	if (!xdp)
		return 0;
	return parse((void *)(long)xdp->data, (void *)(long)xdp->data_end, wire, 0);
}

static __always_inline enum parsed read_xdp(struct xdp_md *xdp, struct packet *p)
{
	void *start = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;

	p->wire = xdp->data_end - xdp->data;
	p->vlan = false;
	p->v6 = false;
	if (read_plain4(p, start, end))
		return PARSED;
	p->v6 = true;
	if (read_plain6(p, start, end))
		return PARSED;
	return unpack(p, parse_xdp(xdp, p->wire), p->wire, false, start, end, ETH_HLEN);
}

static __always_inline int observe_xdp(struct xdp_md *xdp, struct observation *o)
{
	struct packet p;
	enum parsed result = read_xdp(xdp, &p);

	asm volatile("" : : "r"(&p) : "memory"); /* as in skb.h */
	o->ctx = xdp;
	measure(o, p.wire, 0, 0, 0);
	if (account(o, &p, result, true)) {
		struct quoting q = {o->generation, p.l4 + ICMP_HEADER, o->slot, p.v6};

		count_unreachable(&q, (void *)(long)xdp->data, (void *)(long)xdp->data_end);
	}
	return pass(true);
}
