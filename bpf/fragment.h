/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Only the first fragment of a datagram has its ports, and in IPv6 its protocol: they are kept for
 * the later ones. One that overtakes the first, or whose first was evicted, counts in the entry without
 * ports. */
#pragma once

#include "maps.h"
#include "packet.h"

static __always_inline void join_fragments(struct packet *p, bool v6)
{
	struct fragment_key key = {.id = p->fragment_id};

	if (v6) {
		copy6(key.saddr, p->saddr);
		copy6(key.daddr, p->daddr);
	} else {
		key.saddr[0] = p->saddr[0];
		key.daddr[0] = p->daddr[0];
		key.proto = p->proto;
	}
	if (p->later_fragment) {
		struct fragment *first = bpf_map_lookup_elem(&fragments, &key);

		if (!first)
			return;
		p->sport = first->sport;
		p->dport = first->dport;
		p->proto = first->proto;
	} else if (v6 || p->sport || p->dport) {
		struct fragment first = {.sport = p->sport, .dport = p->dport, .proto = p->proto};

		bpf_map_update_elem(&fragments, &key, &first, BPF_ANY);
	}
}
