/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the kernel side records, as user space reads it. bpf2go turns every type
 * that a map holds into its Go twin, so there is no second definition to keep.
 * Addresses are in network byte order, ports in host byte order, times are
 * CLOCK_MONOTONIC nanoseconds, and 0 means "not seen". */
#pragma once

#include <linux/types.h>

/* A connection: the ordered pair of its endpoints (a < b by address bytes, then
 * by port) and the IP protocol. Ports are 0 where the protocol has none. */
struct flow4_key {
	__be32 a;
	__be32 b;
	__u16 port_a;
	__u16 port_b;
	__u8 proto;
	__u8 pad[3];
};

struct flow6_key {
	__be32 a[4];
	__be32 b[4];
	__u16 port_a;
	__u16 port_b;
	__u8 proto;
	__u8 pad[3];
};

/* One direction of a connection, on a cache line of its own. "sent" is counted at
 * the source's side, "delivered" where the packet is handed to the destination's. */
struct flow_dir {
	__u64 sent_bytes;
	__u64 sent_packets;
	__u64 delivered_bytes;
	__u64 delivered_packets;
	__u64 payload;	   /* bytes behind the transport header, at the first side that sees the direction */
	__u8 tcp_flags[8]; /* FIN first: one byte a flag, because 5.10 has no atomic OR */
	__u32 syns;
	__u32 fins;
	__u32 rsts;
	__u32 fragments;
};

/* What a connection did in one generation. */
struct flow {
	__u64 first_ns;
	__u64 syn_ns;
	__u64 synack_ns;
	__u64 ack_ns;
	__u32 unreachable[2]; /* ICMP errors that quote a packet of that direction */
	__u16 sent_slot[2];   /* interface of each direction's first packet at that side */
	__u16 delivered_slot[2];
	__u8 dscp[2];
	__u8 first_dir;
	__u8 syn_dir; /* direction of the SYN without ACK, when syn_ns or synack_ns is set */
	__u8 class;   /* enum flow_class */
	__u8 claim;   /* enum flow_claim */
	__u8 nat;     /* enum flow_nat */
	__u8 icmp_type;
	__u16 quota_slot; /* slot whose quota this entry uses until it is answered */
	__u8 original; /* direction of conntrack's original tuple plus 1; 0: conntrack was not asked, or does
			  not know */
	__u8 pad[5];
	struct flow_dir dir[2]; /* a to b, b to a */
};

/* With the hash table's own 48 bytes and the key, this padding puts each
 * flow_dir of an IPv6 entry on one cache line; in IPv4 it falls out by itself. */
struct flow6 {
	__u64 align[5];
	struct flow flow;
};

/* At an uplink: whether the flow is counted there or only summed up. */
enum flow_class {
	CLASS_UNDECIDED,
	CLASS_COUNTED,
	CLASS_TRANSIT,
};

/* Who has the node's address in a flow. */
enum flow_claim {
	CLAIM_NONE,	 /* not asked, or nobody was found */
	CLAIM_SOCKET,	 /* a socket of this network namespace */
	CLAIM_FORWARDED, /* it came in by another interface: translated */
};

enum flow_nat {
	NAT_UNKNOWN, /* conntrack was not asked, or does not know it */
	NAT_NONE,
	NAT_TRANSLATED, /* the tuples are in nat4 or nat6 under the same key */
	NAT_FULL,	/* translated, but that map was full */
};

struct tuple4 {
	__be32 saddr;
	__be32 daddr;
	__u16 sport;
	__u16 dport;
};

struct tuple6 {
	__be32 saddr[4];
	__be32 daddr[4];
	__u16 sport;
	__u16 dport;
};

/* A translated connection as conntrack knows it: what its initiator sent, and
 * what the answers look like before they are translated back. */
struct nat4 {
	struct tuple4 original;
	struct tuple4 reply;
};

struct nat6 {
	struct tuple6 original;
	struct tuple6 reply;
};

struct amount {
	__u64 packets;
	__u64 bytes;
};

/* Per interface, hook and generation:
 * seen = flows + transit + overflow + not_ip + malformed + skipped, always.
 * Packets are wire packets, as everywhere. */
struct stats {
	struct amount seen;
	struct amount flows;
	struct amount transit;
	struct amount overflow;
	struct amount not_ip;
	struct amount malformed;
	struct amount skipped;	 /* by sampling */
	struct amount segmented; /* what super-packets are on the wire beyond themselves: a part of seen */
};

/* An interface's place in the tables, found by its ifindex. */
struct slot {
	__u32 ifindex;
	__u16 slot;
	__u16 flags; /* enum slot_flags */
};

enum slot_flags {
	SLOT_NO_ETHERNET = 1, /* packets begin with the IP header */
	SLOT_INSIDE = 2,      /* deliveries are counted at the pod's own device */
};

/* Packets that found no entry, by protocol; and TCP's by their destination. */
struct refused_key {
	__u16 slot;
	__u8 hook;
	__u8 proto;
};

struct refused_tcp_key {
	__be32 addr[4]; /* IPv4 mapped */
	__u16 port;
	__u16 generation; /* 0 or 1 */
};

struct refused_tcp {
	__u64 syns;
	__u64 synacks;
	__u64 rsts;
};

/* The ports of a datagram, for its later fragments. */
struct fragment_key {
	__be32 saddr[4];
	__be32 daddr[4];
	__be32 id;
	__u32 proto;
};

struct fragment {
	__u16 sport;
	__u16 dport;
};

/* How full a generation is. */
struct fill {
	__u32 entries4;
	__u32 entries6;
	__u32 told;
};

/* Told to user space when a generation fills up. */
struct wake {
	__u32 generation;
	__u32 entries;
};
