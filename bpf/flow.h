/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Connection entries: find, make, count. Everything that is dear (clock,
 * conntrack) happens once per flow, generation and side. IPv4 and IPv6 differ in
 * key and map only; `v6` is a constant wherever these functions are inlined. */
#pragma once

#include <linux/errno.h>

#include "observe.h"

enum tcp_flag {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_ACK = 16,
};

union flow_key {
	struct flow4_key v4;
	struct flow6_key v6;
};

static const struct flow zero_flow;
static const struct flow6 zero_flow6;

static __always_inline int compare6(const __be32 *a, const __be32 *b)
{
#pragma unroll
	for (int i = 0; i < 4; i++) {
		__u32 x = bpf_ntohl(a[i]), y = bpf_ntohl(b[i]);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

/* Orders the endpoints; returns the direction, 0 when the source is a. */
static __always_inline __u32 make_key4(struct flow4_key *key, const struct packet *p)
{
	__u32 s = bpf_ntohl(p->saddr[0]), d = bpf_ntohl(p->daddr[0]);
	bool swap = s > d || (s == d && p->sport > p->dport);

	key->a = swap ? p->daddr[0] : p->saddr[0];
	key->b = swap ? p->saddr[0] : p->daddr[0];
	key->port_a = swap ? p->dport : p->sport;
	key->port_b = swap ? p->sport : p->dport;
	key->proto = p->proto;
	key->pad[0] = key->pad[1] = key->pad[2] = 0;
	return swap;
}

static __always_inline __u32 make_key6(struct flow6_key *key, const struct packet *p)
{
	int order = compare6(p->saddr, p->daddr);
	bool swap = order > 0 || (order == 0 && p->sport > p->dport);

	copy6(key->a, swap ? p->daddr : p->saddr);
	copy6(key->b, swap ? p->saddr : p->daddr);
	key->port_a = swap ? p->dport : p->sport;
	key->port_b = swap ? p->sport : p->dport;
	key->proto = p->proto;
	key->pad[0] = key->pad[1] = key->pad[2] = 0;
	return swap;
}

static __always_inline __u32 make_key(union flow_key *key, const struct packet *p, bool v6)
{
	return v6 ? make_key6(&key->v6, p) : make_key4(&key->v4, p);
}

static __always_inline struct flow *find_flow(__u32 generation, const union flow_key *key, bool v6)
{
	if (v6) {
		void *map = bpf_map_lookup_elem(&flows6, &generation);
		struct flow6 *flow = map ? bpf_map_lookup_elem(map, &key->v6) : NULL;

		if (!flow)
			return NULL;
		/* the verifier wants the check before the addition, the compiler does not care */
		barrier_var(flow);
		return &flow->flow;
	}
	void *map = bpf_map_lookup_elem(&flows4, &generation);

	return map ? bpf_map_lookup_elem(map, &key->v4) : NULL;
}

static __always_inline long insert_flow(__u32 generation, const union flow_key *key, bool v6)
{
	void *map =
		v6 ? bpf_map_lookup_elem(&flows6, &generation) : bpf_map_lookup_elem(&flows4, &generation);

	if (!map)
		return -ENOENT;
	if (v6)
		return bpf_map_update_elem(map, &key->v6, &zero_flow6, BPF_NOEXIST);
	return bpf_map_update_elem(map, &key->v4, &zero_flow, BPF_NOEXIST);
}

/* Tells user space once that a generation fills up. The count is a plain read
 * after an atomic add (5.10 cannot fetch): two CPUs may both tell, which is fine. */
static __always_inline void note_fill(__u32 generation, bool v6)
{
	struct fill *f = bpf_map_lookup_elem(&fill, &generation);

	if (!f)
		return;
	__u32 *entries = v6 ? &f->entries6 : &f->entries4;

	ADD(*entries, 1);
	if (*(volatile __u32 *)entries < (v6 ? wake_entries6 : wake_entries4) || f->told)
		return;
	f->told = 1;
	struct wake *wake = bpf_ringbuf_reserve(&wakes, sizeof(*wake), 0);

	if (!wake)
		return;
	wake->generation = generation;
	wake->entries = *entries;
	bpf_ringbuf_submit(wake, 0);
}

/* Makes an entry on the account of the interface until it is answered; NULL if
 * the quota or the map is full. */
static __always_inline struct flow *create_flow(__u32 generation, __u16 slot, const union flow_key *key,
						__u32 dir, bool v6)
{
	__u32 account = generation * MAX_INTERFACES + slot;
	__s32 *used = bpf_map_lookup_elem(&unanswered, &account);

	if (!used || *used >= (__s32)unanswered_quota)
		return NULL;
	long err = insert_flow(generation, key, v6);
	struct flow *flow = find_flow(generation, key, v6);

	if (err || !flow)
		return flow; /* with -EEXIST another CPU was first */
	ADD(*used, 1);
	flow->quota_slot = slot;
	flow->first_dir = dir;
	flow->first_ns = now();
	note_fill(generation, v6);
	return flow;
}

/* The other direction was seen: the entry leaves its interface's account. */
static __always_inline void release_quota(const struct observation *o, struct flow *flow)
{
	__u32 account = o->generation * MAX_INTERFACES + flow->quota_slot;
	__s32 *used = bpf_map_lookup_elem(&unanswered, &account);

	flow->quota_slot = 0;
	if (used)
		ADD(*used, -1);
}

static __always_inline void count_tcp(struct flow *flow, struct flow_dir *d, const struct packet *p,
				      __u32 dir)
{
	__u8 flags = p->tcp_flags;
	/* bit i of the flags to byte i, any non-zero value */
	__u64 bytes = (flags * 0x0101010101010101ULL) & 0x8040201008040201ULL;

	if (bytes & ~*(__u64 *)d->tcp_flags) {
#pragma unroll
		for (int i = 0; i < 8; i++)
			if (flags & (1 << i))
				d->tcp_flags[i] = 1 << i;
	}
	if (flags & (TCP_SYN | TCP_FIN | TCP_RST)) {
		if (flags & TCP_SYN)
			ADD(d->syns, 1);
		if (flags & TCP_FIN)
			ADD(d->fins, 1);
		if (flags & TCP_RST)
			ADD(d->rsts, 1);
	}
	if (flags & TCP_SYN) {
		if (flags & TCP_ACK) {
			if (!flow->synack_ns) {
				flow->synack_ns = now();
				flow->syn_dir = !dir;
			}
		} else if (!flow->syn_ns) {
			flow->syn_ns = now();
			flow->syn_dir = dir;
		}
	} else if (flow->synack_ns && !flow->ack_ns && dir == flow->syn_dir) {
		flow->ack_ns = now();
	}
}

/* Adds a packet to its entry. Returns true on the generation's first packet of
 * this direction at this side: the time for what is done once. */
static __always_inline bool count_flow(const struct observation *o, struct flow *flow, const struct packet *p,
				       __u32 dir, bool first_side)
{
	struct flow_dir *d = &flow->dir[dir & 1];
	__u16 *slot;

	if (o->side == SENT) {
		ADD(d->sent_bytes, o->bytes * o->weight);
		ADD(d->sent_packets, o->packets * o->weight);
		slot = &flow->sent_slot[dir & 1];
	} else {
		ADD(d->delivered_bytes, o->bytes * o->weight);
		ADD(d->delivered_packets, o->packets * o->weight);
		slot = &flow->delivered_slot[dir & 1];
	}
	if (first_side) {
		if (p->payload)
			ADD(d->payload, p->payload * o->weight);
		if (p->fragment)
			ADD(d->fragments, 1);
		if (p->proto == IPPROTO_TCP && p->has_l4)
			count_tcp(flow, d, p, dir);
		else if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6)
			flow->icmp_type = p->icmp_type;
	}
	if (flow->quota_slot && dir != flow->first_dir)
		release_quota(o, flow);
	count(&o->stats->flows, o);
	if (*slot)
		return false;
	*slot = o->slot;
	flow->dscp[dir & 1] = p->dscp;
	return true;
}
