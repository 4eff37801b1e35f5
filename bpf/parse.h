/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where the headers of a packet are. Knows header formats only: no maps, no
 * sockets. A cursor moves over the packet; each step checks bounds, moves on and
 * says what follows. Right before fast: VLAN and QinQ, IPv4 options, IPv6 extension
 * headers, fragments, truncated headers. The answer is one number, a layout: as the
 * result of a global function it is all that the verifier remembers of the many ways
 * to get there. internal/capture/reference_test.go says the same in Go. */
#pragma once

#include <stdbool.h>

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/types.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN_TAGS	  2
#define EXTENSION_HEADERS 8
#define HEADER_BYTES	  256 /* no packet that is worth naming has longer headers */

#define IP_MORE_FRAGMENTS   0x2000
#define IP_FRAGMENT_OFFSET  0x1fff
#define IP6_FRAGMENT_OFFSET 0xfff8
#define IP6_MORE_FRAGMENTS  0x0001

enum parsed {
	NOT_IP,	   /* ARP, LLDP, MPLS ... */
	MALFORMED, /* it says IP and is not */
	CUT_SHORT, /* it ends within the link or IP header: malformed, unless the rest is not linear */
	PARSED,
};

/* What parsing found, in 64 bits. Offsets are in bytes from the packet's start. */
struct layout {
	__u32 fragment_id; /* network byte order; of IPv6 only, IPv4's stands in the header */
	__u32 result : 2;  /* enum parsed */
	__u32 v6 : 1;
	__u32 vlan : 1;
	__u32 fragment : 1;	  /* first or later */
	__u32 later_fragment : 1; /* no transport header in it */
	__u32 has_l4 : 1;	  /* the transport header is there */
	__u32 proto : 8;
	__u32 tags : 2;	    /* VLAN tags before the IP header */
	__u32 l4_words : 4; /* length of the transport header, in 4 bytes */
	__u32 l4 : 9;	    /* offset of the transport header */
};

union packed_layout {
	struct layout layout;
	__u64 packed;
};

struct cursor {
	void *start;
	void *end;
	__u64 offset;
};

/* Headers as this file reads them: bytes on the wire, nothing else. */
struct vlan_header {
	__be16 tci;
	__be16 next;
};

struct ports {
	__be16 source;
	__be16 dest;
};

struct tcp_header {
	struct ports ports;
	__be32 seq;
	__be32 ack;
	__u8 offset;
	__u8 flags;
};

struct icmp_header {
	__u8 type;
	__u8 code;
	__be16 checksum;
};

struct extension {
	__u8 next;
	__u8 length;
	__be16 fragment;
	__be32 id;
};

/* The header at the cursor, or NULL if it is not all there. Offsets are kept small,
 * because the verifier trusts no packet pointer beyond 64 KiB. */
static __always_inline void *take(struct cursor *c, __u32 size)
{
	__u64 offset = c->offset;

	if (offset > HEADER_BYTES)
		return NULL;
	if (!__builtin_constant_p(offset))
		barrier_var(offset); /* what was checked is what is added */
	void *header = c->start + offset;

	if (header + size > c->end)
		return NULL;
	c->offset = offset + size;
	return header;
}

#define TAKE(c, type) ((type *)take(c, sizeof(type)))

/* Skips the link header; returns the EtherType in network byte order, 0 if the packet ends in it. */
static __always_inline __be16 parse_ethernet(struct cursor *c, struct layout *l)
{
	struct ethhdr *eth = TAKE(c, struct ethhdr);

	if (!eth)
		return 0;
	__be16 type = eth->h_proto;

	for (int i = 0; i < VLAN_TAGS; i++) {
		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		struct vlan_header *tag = TAKE(c, struct vlan_header);

		if (!tag)
			return 0;
		l->vlan = true;
		l->tags++;
		type = tag->next;
	}
	return type;
}

/* Bytes of a transport header that must be there to be read; 0: it has no ports. */
static __always_inline __u32 l4_minimum(__u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return sizeof(struct tcp_header);
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return sizeof(struct ports);
	default:
		return 0;
	}
}

/* Finds the transport header. One that is cut, or reaches beyond the end of the IP packet into the
 * link's padding, is none. */
static __always_inline void parse_l4(struct cursor *c, struct layout *l, __u32 ip_end)
{
	__u32 minimum = l4_minimum(l->proto);

	l->l4 = c->offset < 511 ? c->offset : 511;
	if (l->later_fragment || !minimum || c->offset + minimum > ip_end)
		return;
	switch (l->proto) {
	case IPPROTO_TCP: {
		struct tcp_header *tcp = TAKE(c, struct tcp_header);

		if (!tcp)
			return;
		l->l4_words = tcp->offset >> 4;
		break;
	}
	default:
		if (!TAKE(c, struct ports))
			return;
		l->l4_words = l->proto == IPPROTO_SCTP ? 3 : 2;
	}
	l->has_l4 = true;
}

/* An IP length of 0 is how the kernel writes a super-packet of 64 KiB and more. */
static __always_inline __u32 ip_end(__u32 ip, __u32 length, __u32 wire)
{
	return length && ip + length < wire ? ip + length : wire;
}

static __always_inline enum parsed parse_ip4(struct cursor *c, struct layout *l, __u32 wire)
{
	__u32 start = c->offset;
	struct iphdr *ip = TAKE(c, struct iphdr);

	if (!ip)
		return CUT_SHORT;
	__u32 header = ip->ihl * 4;
	__u32 total = bpf_ntohs(ip->tot_len);
	__u16 fragment = bpf_ntohs(ip->frag_off);

	if (ip->version != 4 || header < sizeof(*ip) || (total && total < header))
		return MALFORMED;
	l->proto = ip->protocol;
	l->fragment = !!(fragment & (IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET));
	l->later_fragment = !!(fragment & IP_FRAGMENT_OFFSET);
	if (header > sizeof(*ip) && !take(c, header - sizeof(*ip)))
		return CUT_SHORT;
	parse_l4(c, l, ip_end(start, total, wire));
	return PARSED;
}

enum extension_unit {
	UNIT_NONE = 0, /* no extension header */
	UNIT_FRAGMENT = 1,
	UNIT_4_BYTES = 4, /* of the length field; the first 8 bytes are not counted in it (RFC 4302, 2.2) */
	UNIT_8_BYTES = 8,
};

static const __u8 extension_units[256] = {
	[IPPROTO_HOPOPTS] = UNIT_8_BYTES,   [IPPROTO_ROUTING] = UNIT_8_BYTES,
	[IPPROTO_FRAGMENT] = UNIT_FRAGMENT, [IPPROTO_AH] = UNIT_4_BYTES,
	[IPPROTO_DSTOPTS] = UNIT_8_BYTES,   [IPPROTO_MH] = UNIT_8_BYTES,
};

/* Walks the extension headers (RFC 8200, section 4); ESP and unknown ones end it. Arithmetic
 * instead of branches: the verifier would walk three kinds to the power of eight headers. */
static __always_inline enum parsed parse_extensions(struct cursor *c, struct layout *l, __u8 next)
{
	__u32 fragment = 0, id = 0;

	for (int i = 0; i < EXTENSION_HEADERS; i++) {
		__u32 unit = extension_units[next];

		if (!unit)
			break;
		struct extension *ext = TAKE(c, struct extension);

		if (!ext)
			return CUT_SHORT;
		__u32 is_fragment = unit & UNIT_FRAGMENT;

		barrier_var(is_fragment);
		fragment |= bpf_ntohs(ext->fragment) * is_fragment;
		id |= ext->id * is_fragment;
		c->offset += ext->length * (unit - is_fragment);
		next = ext->next;
		if (fragment & IP6_FRAGMENT_OFFSET)
			break;
	}
	l->proto = next;
	l->fragment = !!(fragment & (IP6_FRAGMENT_OFFSET | IP6_MORE_FRAGMENTS));
	l->later_fragment = !!(fragment & IP6_FRAGMENT_OFFSET);
	l->fragment_id = id;
	return PARSED;
}

static __always_inline enum parsed parse_ip6(struct cursor *c, struct layout *l, __u32 wire)
{
	__u32 start = c->offset;
	struct ipv6hdr *ip = TAKE(c, struct ipv6hdr);

	if (!ip)
		return CUT_SHORT;
	__u32 total = bpf_ntohs(ip->payload_len) ? bpf_ntohs(ip->payload_len) + sizeof(*ip) : 0;

	if (ip->version != 6)
		return MALFORMED;
	enum parsed result = parse_extensions(c, l, ip->nexthdr);

	if (result == PARSED)
		parse_l4(c, l, ip_end(start, total, wire));
	return result;
}

/* All of it. type is the EtherType where the packet begins with the IP header, else 0. */
static __always_inline __u64 parse(void *start, void *end, __u32 wire, __be16 type)
{
	struct cursor c = {.start = start, .end = end};
	union packed_layout p = {};
	bool ethernet = !type;

	if (ethernet)
		type = parse_ethernet(&c, &p.layout);
	if (type == bpf_htons(ETH_P_IP)) {
		p.layout.result = parse_ip4(&c, &p.layout, wire);
	} else if (type == bpf_htons(ETH_P_IPV6)) {
		p.layout.v6 = true;
		p.layout.result = parse_ip6(&c, &p.layout, wire);
	} else if (ethernet && !type) {
		p.layout.result = CUT_SHORT;
	}
	return p.packed;
}
