/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a packet says of itself, read from the places that parsing found. */
#pragma once

#include "parse.h"

/* Of the addresses IPv4 uses the first word. Ports are in host byte order, and 0
 * without a transport header. */
struct packet {
	__be32 saddr[4];
	__be32 daddr[4];
	__u32 wire;    /* length as handed to the hook */
	__u32 headers; /* offset of the payload */
	__u32 payload;
	__be32 fragment_id;
	__u16 l4;
	__u16 sport;
	__u16 dport;
	__u8 proto;
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 dscp;
	bool v6;
	bool vlan;
	bool fragment;
	bool later_fragment;
	bool has_l4;
};

static __always_inline void copy6(__be32 *to, const __be32 *from)
{
	to[0] = from[0];
	to[1] = from[1];
	to[2] = from[2];
	to[3] = from[3];
}

static __always_inline void read_l4(struct packet *p, void *l4, void *end)
{
	struct ports *ports = l4;

	if ((void *)(ports + 1) > end)
		return;
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
		struct icmp_header *icmp = l4;

		p->icmp_type = icmp->type;
		p->icmp_code = icmp->code;
		return;
	}
	p->sport = bpf_ntohs(ports->source);
	p->dport = bpf_ntohs(ports->dest);
	struct tcp_header *tcp = l4;

	if (p->proto == IPPROTO_TCP && (void *)(tcp + 1) <= end)
		p->tcp_flags = tcp->flags;
}

/* The bounds are known to hold, since the packet was parsed; the verifier does not know. */
static __always_inline void read_ip(struct packet *p, void *start, void *end, __u32 at, bool v6)
{
	void *header = start + at;

	if (v6) {
		struct ipv6hdr *ip = header;

		if ((void *)(ip + 1) > end)
			return;
		copy6(p->saddr, ip->saddr.in6_u.u6_addr32);
		copy6(p->daddr, ip->daddr.in6_u.u6_addr32);
		p->dscp = (ip->priority << 2) | (ip->flow_lbl[0] >> 6);
		p->payload =
			ip_end(at, ip->payload_len ? bpf_ntohs(ip->payload_len) + sizeof(*ip) : 0, p->wire);
		return;
	}
	struct iphdr *ip = header;

	if ((void *)(ip + 1) > end)
		return;
	p->saddr[0] = ip->saddr;
	p->daddr[0] = ip->daddr;
	p->dscp = ip->tos >> 2;
	p->fragment_id = ip->id;
	p->payload = ip_end(at, bpf_ntohs(ip->tot_len), p->wire); /* its end, for now */
}

/* Reads a packet whose layout is known. link is the length of the link header without VLAN tags. */
static __always_inline enum parsed unpack(struct packet *p, __u64 layout, __u32 wire, bool vlan, void *start,
					  void *end, __u32 link)
{
	union packed_layout l = {.packed = layout};

	__builtin_memset(p, 0, sizeof(*p));
	p->wire = wire;
	if (l.layout.result != PARSED)
		return l.layout.result;
	p->v6 = l.layout.v6;
	p->proto = l.layout.proto;
	p->vlan = vlan || l.layout.vlan;
	p->fragment = l.layout.fragment;
	p->later_fragment = l.layout.later_fragment;
	p->has_l4 = l.layout.has_l4;
	p->l4 = l.layout.l4;
	p->headers = l.layout.l4 + l.layout.l4_words * 4;
	p->fragment_id = l.layout.fragment_id;
	read_ip(p, start, end, link + l.layout.tags * sizeof(struct vlan_header), p->v6);
	p->payload = p->payload > p->headers ? p->payload - p->headers : 0;
	if (p->has_l4)
		read_l4(p, start + l.layout.l4, end);
	return PARSED;
}

/* The fast way for what most packets are: TCP or UDP right behind a plain IP header. Says no to
 * anything else, which then goes the long way and must come to the same. */
static __always_inline bool read_plain_l4(struct packet *p, void *l4, void *end, __u32 offset, __u32 length,
					  __u8 proto)
{
	struct tcp_header *tcp = l4;
	__u32 header = 8;

	if (offset + length > p->wire)
		return false;
	if (proto == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > end || length < sizeof(*tcp))
			return false;
		header = (tcp->offset >> 4) * 4;
		p->tcp_flags = tcp->flags;
	} else if (proto == IPPROTO_UDP) {
		if (l4 + header > end || length < header)
			return false;
		p->tcp_flags = 0;
	} else {
		return false;
	}
	p->sport = bpf_ntohs(tcp->ports.source);
	p->dport = bpf_ntohs(tcp->ports.dest);
	p->proto = proto;
	p->l4 = offset;
	p->headers = offset + header;
	p->payload = length > header ? length - header : 0;
	p->fragment = p->later_fragment = false;
	p->has_l4 = true;
	return true;
}

static __always_inline bool read_plain4(struct packet *p, void *start, void *end)
{
	struct ethhdr *eth = start;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->version != 4 || ip->ihl != 5)
		return false;
	__u32 total = bpf_ntohs(ip->tot_len);

	if (ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET) || total < sizeof(*ip))
		return false;
	p->saddr[0] = ip->saddr;
	p->daddr[0] = ip->daddr;
	p->dscp = ip->tos >> 2;
	return read_plain_l4(p, ip + 1, end, sizeof(*eth) + sizeof(*ip), total - sizeof(*ip), ip->protocol);
}

static __always_inline bool read_plain6(struct packet *p, void *start, void *end)
{
	struct ethhdr *eth = start;
	struct ipv6hdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IPV6) || ip->version != 6)
		return false;
	copy6(p->saddr, ip->saddr.in6_u.u6_addr32);
	copy6(p->daddr, ip->daddr.in6_u.u6_addr32);
	p->dscp = (ip->priority << 2) | (ip->flow_lbl[0] >> 6);
	return read_plain_l4(p, ip + 1, end, sizeof(*eth) + sizeof(*ip), bpf_ntohs(ip->payload_len),
			     ip->nexthdr);
}
