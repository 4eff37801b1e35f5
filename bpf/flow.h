/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Connection entries: find, make, count. Everything that is dear (clock,
 * conntrack) happens once per flow, generation and side. IPv4 and IPv6 differ in
 * key and map only; `v6` is a constant wherever these functions are inlined. */
#pragma once

#include <stddef.h>

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
	__u64 aligned; /* to halves of addresses */
};

/* Hashing reads keys by words: a word that was written in pieces would make it wait for them. */
typedef __u32 __attribute__((may_alias)) word;

static __always_inline void write_rest(void *ports, void *proto, __u16 sport, __u16 dport, __u8 number,
				       bool swap)
{
	*(word *)ports = swap ? dport | (__u32)sport << 16 : sport | (__u32)dport << 16;
	*(word *)proto = number; /* and the padding behind it */
}

/* Orders the endpoints, by address bytes and then by port; returns the direction, 0 when the source is a. */
static __always_inline __u32 make_key4(struct flow4_key *key, __be32 saddr, __be32 daddr, __u16 sport,
				       __u16 dport, __u8 proto)
{
	bool swap = saddr == daddr ? sport > dport : bpf_ntohl(saddr) > bpf_ntohl(daddr);

	key->a = swap ? daddr : saddr;
	key->b = swap ? saddr : daddr;
	write_rest(&key->port_a, &key->proto, sport, dport, proto, swap);
	return swap;
}

static __always_inline bool is_behind6(const half *s, const half *d, __u16 sport, __u16 dport)
{
	if (s[0] != d[0])
		return bpf_be64_to_cpu(s[0]) > bpf_be64_to_cpu(d[0]);
	if (s[1] != d[1])
		return bpf_be64_to_cpu(s[1]) > bpf_be64_to_cpu(d[1]);
	return sport > dport;
}

static __always_inline void write_addresses(struct flow6_key *key, const half *first, const half *second)
{
	half *a = (half *)key->a, *b = (half *)key->b;

	a[0] = first[0];
	a[1] = first[1];
	b[0] = second[0];
	b[1] = second[1];
}

static __always_inline __u32 make_key6(struct flow6_key *key, const void *saddr, const void *daddr,
				       __u16 sport, __u16 dport, __u8 proto)
{
	bool swap = is_behind6(saddr, daddr, sport, dport);

	if (swap)
		write_addresses(key, daddr, saddr);
	else
		write_addresses(key, saddr, daddr);
	write_rest(&key->port_a, &key->proto, sport, dport, proto, swap);
	return swap;
}

static __always_inline __u32 make_key(union flow_key *key, const struct packet *p, bool v6)
{
	return v6 ? make_key6(&key->v6, p->saddr, p->daddr, p->sport, p->dport, p->proto)
		  : make_key4(&key->v4, p->saddr[0], p->daddr[0], p->sport, p->dport, p->proto);
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

static __always_inline struct draft *find_draft(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&drafts, &zero);
}

/* Drafts an entry on the account of the interface, until it is answered; NULL if its quota is used up. */
static __always_inline struct flow *draft_flow(struct observation *o, __u32 dir)
{
	__u32 account = o->generation * MAX_INTERFACES + o->slot;
	__s32 *used = bpf_map_lookup_elem(&unanswered, &account);
	struct draft *draft = find_draft();

	if (!draft || !used || *used >= (__s32)unanswered_quota)
		return NULL;
	struct flow *flow = &draft->flow.flow;

	__builtin_memset(flow, 0, sizeof(*flow));
	flow->quota = o->slot + 1;
	flow->first_dir = dir;
	flow->first_ns = now(o);
	return flow;
}

/* Inserts a draft. -EEXIST: another CPU was first; other errors: the map is full. */
static __always_inline long insert_flow(const struct observation *o, const union flow_key *key,
					struct flow *flow, bool v6)
{
	__u32 generation = o->generation, account = generation * MAX_INTERFACES + o->slot;
	void *map =
		v6 ? bpf_map_lookup_elem(&flows6, &generation) : bpf_map_lookup_elem(&flows4, &generation);
	__s32 *used = bpf_map_lookup_elem(&unanswered, &account);

	if (!map || !used)
		return -ENOENT;
	long err = v6 ? bpf_map_update_elem(map, &key->v6, (void *)flow - offsetof(struct flow6, flow),
					    BPF_NOEXIST)
		      : bpf_map_update_elem(map, &key->v4, flow, BPF_NOEXIST);

	if (err)
		return err;
	ADD(*used, 1);
	note_fill(generation, v6);
	return 0;
}

/* The other direction was seen: the entry leaves its interface's account. Two CPUs that see it at once
 * may both take it away: the quota is then larger by one until the generation ends. */
static __always_inline void release_quota(const struct observation *o, struct flow *flow)
{
	__u32 account = o->generation * MAX_INTERFACES + flow->quota - 1;
	__s32 *used = bpf_map_lookup_elem(&unanswered, &account);

	flow->quota = 0;
	if (used)
		ADD(*used, -1);
}

/* Bit i of the flags in byte i, as any value but 0. */
static __always_inline __u64 spread(__u8 flags)
{
	return (flags * 0x0101010101010101ULL) & 0x8040201008040201ULL;
}

static __always_inline void note_handshake(struct observation *o, struct flow *flow, __u8 flags, __u32 dir)
{
	if (flags & TCP_SYN) {
		if (flags & TCP_ACK) {
			if (flow->synack_ns)
				return;
			flow->synack_ns = now(o);
			flow->syn_dir = !dir;
			flow->known[~dir & 1] = 0; /* its next packet may be the ACK */
		} else if (!flow->syn_ns) {
			flow->syn_ns = now(o);
			flow->syn_dir = dir;
		}
	} else if (flow->synack_ns && !flow->ack_ns && dir == flow->syn_dir) {
		flow->ack_ns = now(o);
	}
}

static __always_inline void count_tcp(struct observation *o, struct flow *flow, struct flow_dir *d,
				      __u8 flags, __u32 dir)
{
	if (spread(flags) & ~*(__u64 *)d->tcp_flags) {
#pragma unroll
		for (int i = 0; i < 8; i++)
			if (flags & (1 << i))
				d->tcp_flags[i] = 1 << i;
	}
	if (flags & TCP_SYN)
		ADD(d->syns, 1);
	if (flags & TCP_FIN)
		ADD(d->fins, 1);
	if (flags & TCP_RST)
		ADD(d->rsts, 1);
	note_handshake(o, flow, flags, dir);
}

/* What each packet of an entry adds. */
static __always_inline void add_packet(const struct observation *o, struct flow_dir *d, __u32 payload,
				       bool first_side)
{
	if (o->side == SENT) {
		ADD(d->sent_bytes, o->bytes * o->weight);
		ADD(d->sent_packets, o->packets * o->weight);
	} else {
		ADD(d->delivered_bytes, o->bytes * o->weight);
		ADD(d->delivered_packets, o->packets * o->weight);
	}
	if (first_side && payload)
		ADD(d->payload, payload * o->weight);
}

static __always_inline __u16 known_side(const struct observation *o)
{
	if (o->uplink)
		return o->side == SENT ? KNOWN_UPLINK_SENT : KNOWN_UPLINK_DELIVERED;
	return o->side == SENT ? KNOWN_SENT : KNOWN_DELIVERED;
}

/* Is this where the direction is seen first? TCP and payload are counted there. */
static __always_inline bool is_first_side(const struct observation *o, const struct flow *flow, __u32 dir)
{
	return o->side == SENT || !flow->dir[dir & 1].sent_packets;
}

/* Counts a packet in its entry. Returns true on the generation's first packet of
 * this direction at this side: the time for what is done once. */
static __always_inline bool count_flow(struct observation *o, struct flow *flow, const struct packet *p,
				       __u32 dir, bool first_side)
{
	struct flow_dir *d = &flow->dir[dir & 1];
	__u16 *slot = o->side == SENT ? &flow->sent_slot[dir & 1] : &flow->delivered_slot[dir & 1];
	__u16 known = known_side(o);
	bool once = !*slot;

	if (first_side) {
		if (p->fragment)
			ADD(d->fragments, 1);
		if (p->proto == IPPROTO_TCP && p->has_l4)
			count_tcp(o, flow, d, p->tcp_flags, dir);
		else if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6)
			flow->icmp_type = p->icmp_type;
		known |= p->tcp_flags & ~(TCP_SYN | TCP_FIN | TCP_RST);
	}
	if (flow->quota && dir != flow->first_dir)
		release_quota(o, flow);
	if (once) {
		*slot = o->slot;
		flow->dscp[dir & 1] = p->dscp;
	}
	if (sampling <= 1)
		flow->known[dir & 1] |= known;
	add_packet(o, d, p->payload, first_side);
	return once;
}
