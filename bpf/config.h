/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What user space decides before loading. The verifier sees constants and removes
 * what is switched off. The sizes of the maps are set in their specs. */
#pragma once

#include <stdbool.h>

#include <linux/types.h>

#include <bpf/bpf_helpers.h>

enum limits {
	MAX_INTERFACES = 1024, /* slots; 0 is for interfaces without one */
	SLOT_BUCKETS = 16384,
	SLOT_PROBES = 8,
};

const volatile __u32 unanswered_quota = 8192; /* entries an interface may make before they are answered */
const volatile __u32 wake_entries4 = 45875;   /* fill at which user space is woken */
const volatile __u32 wake_entries6 = 11468;
const volatile __u32 sampling = 1;	   /* 1 in N data packets */
const volatile bool has_conntrack = false; /* the conntrack kfuncs of 6.0 exist */
const volatile bool replay_clock = false;  /* time comes from replay_now */
const volatile __u32 inside_ifindex = 0;   /* inside programs: ifindex of the host end */
const volatile __u16 inside_slot = 0;

/* The generation that packets are counted in; its lowest bit picks the maps. */
volatile __u32 generation = 0;
volatile __u64 replay_now = 0;
