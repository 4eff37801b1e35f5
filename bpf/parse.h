/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where the headers of a packet are. Knows header formats only: no maps, no
 * sockets. A cursor moves over the packet; each step checks bounds, moves on and
 * says what follows. Right before fast: VLAN and QinQ, IPv4 options, IPv6 extension
 * headers, fragments, truncated headers. The answer is one number, a layout: as the
 * result of a global function it is all that the verifier remembers of the many ways
 * to get there. reference_parse_test.go says the same in Go, from the RFCs. */
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

#define IP_MAX_BYTES	    0xffff
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

/* What parsing found, in 64 bits. */
struct layout {
	__u32 fragment_id; /* network byte order; of IPv6 only, IPv4's stands in the header */
	__u32 result : 2;  /* enum parsed */
	__u32 v6 : 1;
	__u32 fragment : 1;	  /* first or later */
	__u32 later_fragment : 1; /* no transport header in it */
	__u32 has_l4 : 1;	  /* the ports, or ICMP's type and code, are there */
	__u32 cut : 1; /* more of the transport header was not there, but could be behind the linear part */
	__u32 proto : 8;
	__u32 tags : 2;	    /* VLAN tags before the IP header */
	__u32 l4 : 10;	    /* offset of the transport header from the IP header, in 4 bytes */
	__u32 l4_words : 4; /* its length, in 4 bytes */
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

/* Headers as this file reads them: bytes on the wire, nothing else, no more than is read. */
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
	__be16 seq[2];
	__be16 ack[2];
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

enum words {
	WORDS_UDP = 2, /* and ICMP */
	WORDS_SCTP = 3,
	WORDS_DCCP = 3, /* what every packet of it has (RFC 4340, 5.1) */
	WORDS_TCP = 5,	/* at least */
};

/* The header at the cursor, or NULL if it is not all there. Offsets are kept small,
 * because the verifier trusts no packet pointer beyond 64 KiB. */
static __always_inline void *peek(const struct cursor *c, __u32 size)
{
	__u64 offset = c->offset;

	if (offset > HEADER_BYTES)
		return NULL;
	if (!__builtin_constant_p(offset))
		barrier_var(offset); /* what was checked is what is added */
	void *header = c->start + offset;

	return header + size > c->end ? NULL : header;
}

/* The same, and moves the cursor behind it. */
static __always_inline void *take(struct cursor *c, __u32 size)
{
	void *header = peek(c, size);

	if (header)
		c->offset += size;
	return header;
}

#define PEEK(c, type) ((type *)peek(c, sizeof(type)))
#define TAKE(c, type) ((type *)take(c, sizeof(type)))

/* Skips the link header and finds the EtherType, in network byte order; false if the packet ends in it. */
static __always_inline bool parse_ethernet(struct cursor *c, struct layout *l, __be16 *type)
{
	struct ethhdr *eth = TAKE(c, struct ethhdr);

	if (!eth)
		return false;
	*type = eth->h_proto;
	for (int i = 0; i < VLAN_TAGS; i++) {
		if (*type != bpf_htons(ETH_P_8021Q) && *type != bpf_htons(ETH_P_8021AD))
			break;
		struct vlan_header *tag = TAKE(c, struct vlan_header);

		if (!tag)
			return false;
		l->tags++;
		*type = tag->next;
	}
	return true;
}

/* Length of a transport header, in 4 bytes; 0: it has neither ports nor ICMP's type and code. */
static __always_inline __u32 l4_words(__u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return WORDS_TCP;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return WORDS_UDP;
	case IPPROTO_SCTP:
		return WORDS_SCTP;
	case IPPROTO_DCCP:
		return WORDS_DCCP;
	default:
		return 0;
	}
}

/* Finds the transport header. Its first four bytes are enough to know the flow, as they are
 * in what an ICMP error quotes. What reaches beyond the end of the IP packet into the link's padding
 * is not part of it. */
static __always_inline void parse_l4(struct cursor *c, struct layout *l, __u32 ip, __u32 ip_end)
{
	__u32 words = l4_words(l->proto);

	l->l4 = (c->offset - ip) / 4;
	if (l->later_fragment || !words || c->offset + sizeof(struct ports) > ip_end)
		return;
	if (!PEEK(c, struct ports)) {
		l->cut = true;
		return;
	}
	l->has_l4 = true;
	l->l4_words = words;
	if (l->proto != IPPROTO_TCP || c->offset + sizeof(struct tcp_header) > ip_end)
		return;
	struct tcp_header *tcp = PEEK(c, struct tcp_header);

	if (!tcp)
		l->cut = true;
	else if (tcp->offset >> 4 > WORDS_TCP)
		l->l4_words = tcp->offset >> 4;
}

/* Where the IP packet ends: padding of the link may follow. `none` says that its length field is 0,
 * which is how the kernel writes a super-packet that is longer than the field can say. */
static __always_inline __u32 ip_end(__u32 ip, __u32 length, bool none, __u32 wire)
{
	__u32 end = ip + length;

	return end > wire || (none && wire > IP_MAX_BYTES) ? wire : end;
}

static __always_inline enum parsed parse_ip4(struct cursor *c, struct layout *l, __u32 wire)
{
	__u32 start = c->offset;
	struct iphdr *ip = TAKE(c, struct iphdr);

	if (!ip)
		return CUT_SHORT;
	__u32 header = ip->ihl * 4;
	__u32 end = ip_end(start, bpf_ntohs(ip->tot_len), !ip->tot_len, wire);
	__u16 fragment = bpf_ntohs(ip->frag_off);

	if (ip->version != 4 || header < sizeof(*ip) || start + header > end)
		return MALFORMED;
	l->proto = ip->protocol;
	l->fragment = !!(fragment & (IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET));
	l->later_fragment = !!(fragment & IP_FRAGMENT_OFFSET);
	if (header > sizeof(*ip) && !take(c, header - sizeof(*ip)))
		return CUT_SHORT;
	parse_l4(c, l, start, end);
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

/* Walks the extension headers (RFC 8200, section 4); ESP and unknown ones end it, and so does the
 * end of what is read: the last one's number then stands for the protocol. Arithmetic instead of
 * branches: the verifier would walk three kinds to the power of eight headers. */
static __always_inline enum parsed parse_extensions(struct cursor *c, struct layout *l, __u8 next)
{
	__u32 fragment = 0, id = 0;

	for (int i = 0; i < EXTENSION_HEADERS; i++) {
		__u32 unit = extension_units[next];

		if (!unit || c->offset > HEADER_BYTES)
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
	__u32 end = ip_end(start, sizeof(*ip) + bpf_ntohs(ip->payload_len), !ip->payload_len, wire);

	if (ip->version != 6)
		return MALFORMED;
	enum parsed result = parse_extensions(c, l, ip->nexthdr);

	if (result != PARSED)
		return result;
	if (c->offset > end)
		return MALFORMED;
	parse_l4(c, l, start, end);
	return PARSED;
}

/* All of it. `type` is the EtherType of a packet that begins with the IP header. */
static __always_inline __u64 parse(void *start, void *end, __u32 wire, bool ethernet, __be16 type)
{
	struct cursor c = {.start = start, .end = end};
	union packed_layout p = {};

	if (ethernet && !parse_ethernet(&c, &p.layout, &type)) {
		p.layout.result = CUT_SHORT;
	} else if (type == bpf_htons(ETH_P_IP)) {
		p.layout.result = parse_ip4(&c, &p.layout, wire);
	} else if (type == bpf_htons(ETH_P_IPV6)) {
		p.layout.v6 = true;
		p.layout.result = parse_ip6(&c, &p.layout, wire);
	}
	return p.packed;
}
