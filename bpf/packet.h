/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a packet says of itself, read from the places that parsing found. */
#pragma once

#include "parse.h"

#define JUMBO_HEADER 8 /* bytes of a hop-by-hop header with nothing but the jumbo payload option */

/* IPv4 uses the first word of an address. Ports are in host byte order, and 0 without a transport header. */
struct packet {
	__be32 saddr[4] __attribute__((aligned(8))); /* to halves */
	__be32 daddr[4];
	__u32 wire;    /* length as handed to the hook */
	__u32 headers; /* length of all headers, which each segment of a super-packet will have */
	__u32 payload;
	__be32 fragment_id;
	__u16 l4; /* offset of the transport header */
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

/* IPv6 addresses of packets are moved and compared by halves: half the instructions. In a packet
 * they lie at a multiple of 2 only; all our architectures load such words. */
typedef __u64 __attribute__((may_alias)) half;

static __always_inline void copy6(__be32 *to, const __be32 *from)
{
	to[0] = from[0];
	to[1] = from[1];
	to[2] = from[2];
	to[3] = from[3];
}

static __always_inline __u8 dscp6(const struct ipv6hdr *ip)
{
	return (ip->priority << 2) | (ip->flow_lbl[0] >> 6);
}

/* ip_end is where the IP packet ends, end is where what can be read ends. */
static __always_inline void read_l4(struct packet *p, void *start, void *end, __u32 ip_end)
{
	struct ports *ports = start + p->l4;

	if ((void *)(ports + 1) > end)
		return;
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
		struct icmp_header *icmp = (void *)ports;

		p->icmp_type = icmp->type;
		p->icmp_code = icmp->code;
		return;
	}
	p->sport = bpf_ntohs(ports->source);
	p->dport = bpf_ntohs(ports->dest);
	struct tcp_header *tcp = (void *)ports;

	if (p->proto == IPPROTO_TCP && (void *)(tcp + 1) <= end && p->l4 + sizeof(*tcp) <= ip_end)
		p->tcp_flags = tcp->flags;
}

/* The bounds are known to hold, since the packet was parsed; the verifier does not know. Returns where
 * the IP packet ends. */
static __always_inline __u32 read_ip6(struct packet *p, struct ipv6hdr *ip, void *end, __u32 at)
{
	if ((void *)(ip + 1) > end)
		return 0;
	copy6(p->saddr, ip->saddr.in6_u.u6_addr32);
	copy6(p->daddr, ip->daddr.in6_u.u6_addr32);
	p->dscp = dscp6(ip);
	if (!ip->payload_len && p->wire > IP_MAX_BYTES && ip->nexthdr == IPPROTO_HOPOPTS) {
		/* Linux 5.19 to 6.19 marks super-packets so; segments do not have it */
		p->wire -= JUMBO_HEADER;
		p->headers -= JUMBO_HEADER;
		return p->wire;
	}
	return ip_end(at, sizeof(*ip) + bpf_ntohs(ip->payload_len), !ip->payload_len, p->wire);
}

static __always_inline __u32 read_ip4(struct packet *p, struct iphdr *ip, void *end, __u32 at)
{
	if ((void *)(ip + 1) > end)
		return 0;
	p->saddr[0] = ip->saddr;
	p->daddr[0] = ip->daddr;
	p->dscp = ip->tos >> 2;
	p->fragment_id = ip->id;
	return ip_end(at, bpf_ntohs(ip->tot_len), !ip->tot_len, p->wire);
}

/* Reads a packet whose layout is known, and so whether it is v6. link is the length of the link header
 * without VLAN tags. */
static __always_inline enum parsed unpack(struct packet *p, __u64 layout, bool v6, __u32 wire, bool vlan,
					  void *start, void *end, __u64 link)
{
	union packed_layout l = {.packed = layout};
	__u64 ip = link + l.layout.tags * sizeof(struct vlan_header);

	__builtin_memset(p, 0, sizeof(*p));
	p->wire = wire;
	if (l.layout.result != PARSED)
		return l.layout.result;
	p->v6 = v6;
	p->proto = l.layout.proto;
	p->vlan = vlan || l.layout.tags;
	p->fragment = l.layout.fragment;
	p->later_fragment = l.layout.later_fragment;
	p->has_l4 = l.layout.has_l4;
	p->l4 = ip + l.layout.l4 * 4;
	p->headers = p->l4 + l.layout.l4_words * 4;
	p->fragment_id = l.layout.fragment_id;
	__u32 ends = v6 ? read_ip6(p, start + ip, end, ip) : read_ip4(p, start + ip, end, ip);

	p->payload = ends > p->headers ? ends - p->headers : 0;
	if (p->has_l4)
		read_l4(p, start, end, ends);
	return PARSED;
}
