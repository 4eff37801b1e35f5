/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every map, with its key, its value and what happens when it is full. Maps that
 * come in two generations are arrays of two maps: the programs write the one that
 * `generation` names, user space reads the other. Replacing an array's element
 * by itself waits for all running programs, which makes the swap exact. */
#pragma once

#include "config.h"
#include "types.h"

/* Connections of one generation. Full: counted as overflow. */
struct flows4_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct flow4_key);
	__type(value, struct flow);
};

struct flows6_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct flow6_key);
	__type(value, struct flow6);
};

struct flows4_map flows4_0 SEC(".maps"), flows4_1 SEC(".maps");
struct flows6_map flows6_0 SEC(".maps"), flows6_1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct flows4_map);
} flows4 SEC(".maps") = {.values = {&flows4_0, &flows4_1}};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct flows6_map);
} flows6 SEC(".maps") = {.values = {&flows6_0, &flows6_1}};

/* Where a CPU writes a new connection before it inserts it, so that an entry is never seen half made and
 * needs no look-up after it was made; and what is too large for the stack. Programs of one CPU do not
 * interrupt each other. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct draft);
} drafts SEC(".maps");

/* Conntrack's tuples of the translated connections of one generation. Not
 * preallocated: most nodes translate few. Full: the entry says NAT_FULL. */
struct nat4_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct flow4_key);
	__type(value, struct nat4);
};

struct nat6_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct flow6_key);
	__type(value, struct nat6);
};

struct nat4_map nat4_0 SEC(".maps"), nat4_1 SEC(".maps");
struct nat6_map nat6_0 SEC(".maps"), nat6_1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct nat4_map);
} nat4 SEC(".maps") = {.values = {&nat4_0, &nat4_1}};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct nat6_map);
} nat6 SEC(".maps") = {.values = {&nat6_0, &nat6_1}};

/* Where an interface counts: open addressing by ifindex, SLOT_PROBES deep. A variable, because every
 * packet looks here. Written by user space only; ifindex 0 is an empty bucket. */
struct slot slots[SLOT_BUCKETS] SEC(".data.slots");

/* Key: see find_stats. User space reads a generation after its swap and takes
 * the difference to what it read the time before; nobody resets. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2 * 2 * MAX_INTERFACES);
	__type(key, __u32);
	__type(value, struct stats);
} stats SEC(".maps");

/* Entries that nobody has answered yet, by generation and slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * MAX_INTERFACES);
	__type(key, __u32);
	__type(value, __s32);
} unanswered SEC(".maps");

/* Overflow by protocol, never reset. Full: the sum in stats still has it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct refused_key);
	__type(value, struct amount);
} refused SEC(".maps");

/* SYN, SYN-ACK and RST in overflow, by destination. Full: only in refused. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct refused_tcp_key);
	__type(value, struct refused_tcp);
} refused_tcp SEC(".maps");

/* Ports of fragmented datagrams. Full: the oldest goes, its later fragments
 * count in the entry without ports. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct fragment_key);
	__type(value, struct fragment);
} fragments SEC(".maps");

/* The node's own addresses (IPv4 mapped) and the UDP ports of its tunnels, by
 * which flows at an uplink are told apart. Written by user space only. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __be32[4]);
	__type(value, __u8);
} own_addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u16);
	__type(value, __u8);
} tunnel_ports SEC(".maps");

/* Wakes user space before its next tick. Full: it is awake already. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct wake);
} wakes SEC(".maps");

/* By generation: entries made in it, and whether user space was told. Reset by user space
 * while the generation rests. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct fill);
} fill SEC(".maps");
