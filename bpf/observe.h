/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One packet at one hook: where it is counted, how much it is, and the counters of
 * the interface. Knows slots and statistics, not flows. */
#pragma once

#include "maps.h"
#include "packet.h"

enum hook {
	HOOK_INGRESS,
	HOOK_EGRESS,
};

/* Which side of a flow the hook stands at. */
enum side {
	SENT,
	DELIVERED,
};

struct observation {
	void *ctx;
	bool xdp;
	bool uplink;
	__u8 hook; /* enum hook */
	__u8 side; /* enum side */
	__u16 slot;
	__u16 slot_flags;
	__u32 generation; /* 0 or 1, read once: all of a packet counts in one generation */
	__u64 packets;	  /* on the wire */
	__u64 bytes;
	__u64 weight; /* of a sampled packet */
	__u64 time;   /* 0: the clock was not read yet */
	struct stats *stats;
};

#define ADD(field, n) __sync_fetch_and_add(&(field), (n))

/* The packet's time, read when it is first asked for. */
static __always_inline __u64 now(struct observation *o)
{
	if (!o->time)
		o->time = replay_clock ? replay_now : bpf_ktime_get_ns();
	return o->time;
}

static __always_inline const struct slot *find_slot(__u32 ifindex)
{
#pragma unroll
	for (int i = 0; i < SLOT_PROBES; i++) {
		const struct slot *slot = &slots[(ifindex + i) & (SLOT_BUCKETS - 1)];

		if (slot->ifindex == ifindex)
			return slot;
	}
	return NULL;
}

static __always_inline struct stats *find_stats(__u32 generation, __u32 slot, __u8 hook)
{
	__u32 index = (generation * MAX_INTERFACES + slot) * 2 + hook;

	return bpf_map_lookup_elem(&stats, &index);
}

/* Per-CPU and never interrupted by another of our programs: plain adds. */
static __always_inline void count(struct amount *amount, const struct observation *o)
{
	amount->packets += o->packets;
	amount->bytes += o->bytes;
}

/* Counts the packet as handed to the hook, before anything else: these adds cost nothing while the packet
 * is looked at, and much just before atomic ones. */
static __always_inline void count_seen(const struct observation *o, __u32 wire)
{
	o->stats->seen.packets++;
	o->stats->seen.bytes += wire;
}

/* It turned out to be a super-packet: what is missing in seen. */
static __always_inline void count_segments(const struct observation *o, __u32 wire)
{
	struct amount more = {o->packets - 1, o->bytes - wire};

	o->stats->seen.packets += more.packets;
	o->stats->seen.bytes += more.bytes;
	o->stats->segmented.packets += more.packets;
	o->stats->segmented.bytes += more.bytes;
}

/* Where and when a packet is counted, as a number that fits in a register. */
union place {
	struct {
		__u16 slot;
		__u8 flags; /* enum slot_flags */
		__u8 generation;
		__u32 absent; /* its flow has no entry */
	};
	__u64 packed;
};

#define OBSERVATION(at_hook, of_side, at_uplink, place, at_stats)                                            \
	{                                                                                                    \
		.uplink = at_uplink,                                                                         \
		.hook = at_hook,                                                                             \
		.side = of_side,                                                                             \
		.slot = place.slot,                                                                          \
		.slot_flags = place.flags,                                                                   \
		.generation = place.generation,                                                              \
		.stats = at_stats,                                                                           \
	}

/* Starts an observation; false if there is nowhere to count, which cannot be. */
static __always_inline bool begin_at(struct observation *o, __u16 slot, __u16 flags)
{
	o->generation = generation & 1;
	o->slot = slot;
	o->slot_flags = flags;
	o->stats = find_stats(o->generation, slot, o->hook);
	return o->stats;
}

static __always_inline bool begin(struct observation *o, __u32 ifindex)
{
	const struct slot *slot = find_slot(ifindex);

	return slot ? begin_at(o, slot->slot, slot->flags) : begin_at(o, 0, 0);
}

static __always_inline void measure(struct observation *o, __u32 wire)
{
	o->packets = 1;
	o->bytes = wire;
	o->weight = 1;
}

/* What a super-packet becomes on the wire: headers for each segment. Those inside a tunnel are not
 * looked for. Senders that are not trusted (tap, packet sockets) leave the number of segments open. */
static __always_inline void measure_segments(struct observation *o, __u32 headers, __u32 size, __u32 segments)
{
	if (!segments && o->bytes > headers)
		segments = (o->bytes - headers + size - 1) / size;
	if (segments > 1) {
		o->packets = segments;
		o->bytes += (__u64)(segments - 1) * headers;
	}
}

/* IPv4 becomes ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). */
static __always_inline void map_address(__be32 *to, const __be32 *from, bool v6)
{
	if (v6) {
		copy6(to, from);
		return;
	}
	to[0] = to[1] = 0;
	to[2] = bpf_htonl(0xffff);
	to[3] = from[0];
}

/* The packet's tuple, or its answer's, as the look-up helpers want it; returns its size. */
static __always_inline __u32 fill_tuple(struct bpf_sock_tuple *t, const struct packet *p, bool answer,
					bool v6)
{
	__be16 sport = bpf_htons(answer ? p->dport : p->sport),
	       dport = bpf_htons(answer ? p->sport : p->dport);

	if (v6) {
		copy6(t->ipv6.saddr, answer ? p->daddr : p->saddr);
		copy6(t->ipv6.daddr, answer ? p->saddr : p->daddr);
		t->ipv6.sport = sport;
		t->ipv6.dport = dport;
		return sizeof(t->ipv6);
	}
	t->ipv4.saddr = answer ? p->daddr[0] : p->saddr[0];
	t->ipv4.daddr = answer ? p->saddr[0] : p->daddr[0];
	t->ipv4.sport = sport;
	t->ipv4.dport = dport;
	return sizeof(t->ipv4);
}

/* Counts a packet that no entry could be made for. */
static __always_inline void refuse(const struct observation *o, const struct packet *p, bool v6)
{
	struct refused_key key = {.slot = o->slot, .hook = o->hook, .proto = p->proto};
	struct amount *amount = bpf_map_lookup_elem(&refused, &key);

	count(&o->stats->overflow, o);
	if (!amount) {
		struct amount zero = {};

		bpf_map_update_elem(&refused, &key, &zero, BPF_NOEXIST);
		amount = bpf_map_lookup_elem(&refused, &key);
	}
	if (amount) {
		ADD(amount->packets, o->packets);
		ADD(amount->bytes, o->bytes);
	}
	if (p->proto != IPPROTO_TCP || !(p->tcp_flags & 6))
		return;
	struct refused_tcp_key tcp_key = {.port = p->dport, .generation = o->generation};

	map_address(tcp_key.addr, p->daddr, v6);
	struct refused_tcp *tcp = bpf_map_lookup_elem(&refused_tcp, &tcp_key);

	if (!tcp) {
		struct refused_tcp zero = {};

		bpf_map_update_elem(&refused_tcp, &tcp_key, &zero, BPF_NOEXIST);
		tcp = bpf_map_lookup_elem(&refused_tcp, &tcp_key);
		if (!tcp)
			return;
	}
	if (p->tcp_flags & 4)
		ADD(tcp->rsts, 1);
	else if (p->tcp_flags & 16)
		ADD(tcp->synacks, 1);
	else
		ADD(tcp->syns, 1);
}
