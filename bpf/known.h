/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The short way, for what most packets are: TCP or UDP right behind a plain IP header, in a flow that has
 * an entry and about which they tell nothing new; and at uplinks those of no flow of the node. They are
 * counted in few instructions. All others go the long way (account.h), which comes to the same
 * for those that went this one. */
#pragma once

#include "account.h"

enum short_way {
	COUNTED,
	ABSENT, /* it is plain, and its flow has no entry */
	TELLS,	/* it is plain, and tells something of its flow */
	ODD,	/* it is not plain */
};

/* A packet and what of it is known before the look-up. What is read again after it costs less than what
 * is kept over it. */
struct plain {
	struct __sk_buff *skb; /* NULL at XDP */
	void *start;
	void *end;
	__u32 wire;
	__u32 ip_header; /* length, a constant */
	__u8 proto;
	bool v6; /* a constant */
};

/* EtherType of a packet with Ethernet header: aligned, which struct ethhdr does not say. */
static __always_inline __be16 ether_type(void *start)
{
	return ((__be16 *)start)[ETH_ALEN];
}

/* Are there ports, and TCP's flags? */
static __always_inline bool has_plain_l4(const struct plain *p, void *l4)
{
	if (p->proto == IPPROTO_TCP)
		return l4 + sizeof(struct tcp_header) <= p->end;
	return p->proto == IPPROTO_UDP && l4 + WORDS_UDP * 4 <= p->end;
}

/* At an uplink: is the packet of a flow that is transit, or of none and transit by itself? Where packets are
 * sampled, that is not asked before it was decided whether this one is skipped. */
static __always_inline bool is_transit(const struct observation *o, const struct plain *p,
				       const struct flow *flow)
{
	void *header = p->start + ETH_HLEN;
	struct ports *ports = header + p->ip_header;
	bool source = o->hook == HOOK_EGRESS;
	struct ipv6hdr *ip6 = header;
	struct iphdr *ip4 = header;

	if (sampling > 1)
		return false;
	if (p->skb && p->skb->vlan_present)
		return true; /* the entry is that of the VLAN device on top, which counts the same packet */
	if (flow)
		return flow->class == CLASS_TRANSIT;
	const __be32 *local = p->v6    ? source ? ip6->saddr.in6_u.u6_addr32 : ip6->daddr.in6_u.u6_addr32
			      : source ? &ip4->saddr
				       : &ip4->daddr;

	return classify(local, p->v6, p->proto, bpf_ntohs(ports->source), bpf_ntohs(ports->dest)) ==
	       CLASS_TRANSIT;
}

/* Counts the packet, unless it tells something: then it leaves no trace. length is what the IP header says of
 * the whole packet. */
static __always_inline enum short_way count_found(struct observation *o, const struct plain *p,
						  struct flow *flow, __u32 dir, __u32 length)
{
	struct tcp_header *tcp = p->start + ETH_HLEN + p->ip_header;
	__u32 headers = p->ip_header + WORDS_UDP * 4;
	__u16 tells = known_side(o);

	if (p->proto == IPPROTO_TCP) {
		if (tcp->offset >> 4 < WORDS_TCP)
			return ODD;
		headers = p->ip_header + (tcp->offset >> 4) * 4;
		tells |= tcp->flags;
	}
	if (length < headers || ETH_HLEN + length > p->wire)
		return ODD;
	measure(o, p->wire);
	if (p->skb && p->skb->gso_size)
		measure_segments(o, ETH_HLEN + headers, p->skb->gso_size, p->skb->gso_segs);
	if (o->uplink && is_transit(o, p, flow)) {
		count(&o->stats->transit, o);
	} else {
		if (!flow)
			return ABSENT;
		if (tells & ~flow->known[dir & 1])
			return TELLS;
		count(&o->stats->flows, o);
		add_packet(o, &flow->dir[dir & 1], length - headers, is_first_side(o, flow, dir));
	}
	if (o->packets > 1)
		count_segments(o, p->wire);
	return COUNTED;
}

static __always_inline enum short_way count_short4(struct observation *o, struct plain *p)
{
	struct iphdr *ip = p->start + ETH_HLEN;
	struct ports *ports = (void *)(ip + 1);
	union flow_key key;

	if (ip->version != 4 || ip->ihl != 5 ||
	    ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET))
		return ODD;
	p->ip_header = sizeof(*ip);
	p->proto = ip->protocol;
	if (!has_plain_l4(p, ports))
		return ODD;
	__u32 dir = make_key4(&key.v4, ip->saddr, ip->daddr, bpf_ntohs(ports->source), bpf_ntohs(ports->dest),
			      p->proto);
	struct flow *flow = find_flow(o->generation, &key, false);

	return count_found(o, p, flow, dir, bpf_ntohs(ip->tot_len));
}

static __always_inline enum short_way count_short6(struct observation *o, struct plain *p)
{
	struct ipv6hdr *ip = p->start + ETH_HLEN;
	struct ports *ports = (void *)(ip + 1);
	union flow_key key;

	if ((void *)ports > p->end || ip->version != 6)
		return ODD;
	p->v6 = true;
	p->ip_header = sizeof(*ip);
	p->proto = ip->nexthdr;
	if (!has_plain_l4(p, ports))
		return ODD;
	__u32 dir = make_key6(&key.v6, &ip->saddr, &ip->daddr, bpf_ntohs(ports->source),
			      bpf_ntohs(ports->dest), p->proto);
	struct flow *flow = find_flow(o->generation, &key, true);

	return count_found(o, p, flow, dir, sizeof(*ip) + bpf_ntohs(ip->payload_len));
}

static __always_inline enum short_way count_short(struct observation *o, struct plain *p)
{
	if (o->slot_flags || p->start + ETH_HLEN + sizeof(struct iphdr) > p->end)
		return ODD;
	__be16 type = ether_type(p->start);

	if (type == bpf_htons(ETH_P_IP))
		return count_short4(o, p);
	if (type == bpf_htons(ETH_P_IPV6))
		return count_short6(o, p);
	return ODD;
}

/* What parsing would find in a plain packet. Looks at it again, so that the short way keeps nothing for
 * this. */
static __always_inline __u64 plain_layout(void *start, void *end)
{
	union packed_layout l = {.layout = {.result = PARSED, .has_l4 = true}};
	struct iphdr *ip4 = start + ETH_HLEN;
	struct ipv6hdr *ip6 = start + ETH_HLEN;
	struct tcp_header *tcp = (void *)(ip4 + 1);

	if ((void *)(ip4 + 1) > end)
		return 0;
	l.layout.proto = ip4->protocol;
	l.layout.l4 = sizeof(*ip4) / 4;
	if (ether_type(start) == bpf_htons(ETH_P_IPV6)) {
		l.layout.v6 = true;
		l.layout.proto = ip6->nexthdr;
		l.layout.l4 = sizeof(*ip6) / 4;
		tcp = (void *)(ip6 + 1);
	}
	l.layout.l4_words = WORDS_UDP;
	if (l.layout.proto == IPPROTO_TCP && (void *)(tcp + 1) <= end)
		l.layout.l4_words = tcp->offset >> 4;
	return l.packed;
}
