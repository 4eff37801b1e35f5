/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Only the first fragment of a datagram has its ports: they are kept for the
 * later ones. One that overtakes the first, or whose first was evicted, counts in
 * the entry without ports. */
#pragma once

#include "maps.h"
#include "packet.h"

static __always_inline void join_fragments(struct packet *p, bool v6)
{
	struct fragment_key key = {.id = p->fragment_id, .proto = p->proto};

	if (v6) {
		copy6(key.saddr, p->saddr);
		copy6(key.daddr, p->daddr);
	} else {
		key.saddr[0] = p->saddr[0];
		key.daddr[0] = p->daddr[0];
	}
	if (p->later_fragment) {
		struct fragment *known = bpf_map_lookup_elem(&fragments, &key);

		if (known) {
			p->sport = known->sport;
			p->dport = known->dport;
		}
	} else if (p->sport || p->dport) {
		struct fragment ports = {.sport = p->sport, .dport = p->dport};

		bpf_map_update_elem(&fragments, &key, &ports, BPF_ANY);
	}
}
