//go:build ignore

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Counts each packet at the hooks of pods' veth pairs and of uplinks:
 *  1. find the interface's slot, parse, and count the packet as seen;
 *  2. find or make the connection's entry in the current generation and add to it, or say in the
 *     interface's statistics why not (transit, overflow, not IP, malformed);
 *  3. once per flow, side and generation: whose it is, and how conntrack translated it.
 * The packet itself is left alone, and the verdict is always pass(). */
#include <linux/bpf.h>

#include "skb.h"
#include "xdp.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Enums of which bpf2go makes Go constants must be in the object's BTF. */
const enum limits *limits_in_btf __attribute__((unused));
const enum slot_flags *slot_flags_in_btf __attribute__((unused));
const enum flow_claim *flow_claim_in_btf __attribute__((unused));
const enum flow_nat *flow_nat_in_btf __attribute__((unused));
const enum hook *hook_in_btf __attribute__((unused));

/* The long way for one kind of hook: functions of their own, so that the short way stays short. */
#define LOOK_CLOSELY(name, hook, side, uplink, v6)                                                           \
	static __noinline __u32 name(struct __sk_buff *skb, struct stats *stats, __u64 where, __u64 layout)  \
	{                                                                                                    \
		union place place = {.packed = where};                                                       \
		struct observation o = OBSERVATION(hook, side, uplink, place, stats);                        \
                                                                                                             \
		return look_closely_at_skb(skb, &o, layout, place.absent, v6);                               \
	}

LOOK_CLOSELY(look_closely_pod_in4, HOOK_INGRESS, SENT, false, false)
LOOK_CLOSELY(look_closely_pod_in6, HOOK_INGRESS, SENT, false, true)
LOOK_CLOSELY(look_closely_pod_out4, HOOK_EGRESS, DELIVERED, false, false)
LOOK_CLOSELY(look_closely_pod_out6, HOOK_EGRESS, DELIVERED, false, true)
LOOK_CLOSELY(look_closely_up_in4, HOOK_INGRESS, DELIVERED, true, false)
LOOK_CLOSELY(look_closely_up_in6, HOOK_INGRESS, DELIVERED, true, true)
LOOK_CLOSELY(look_closely_up_out4, HOOK_EGRESS, SENT, true, false)
LOOK_CLOSELY(look_closely_up_out6, HOOK_EGRESS, SENT, true, true)
LOOK_CLOSELY(look_closely_inside4, HOOK_INGRESS, DELIVERED, false, false)
LOOK_CLOSELY(look_closely_inside6, HOOK_INGRESS, DELIVERED, false, true)

/* Names are what bpftool shows, and how instances know each other's programs. */
SEC("tc")
int ebpfnet_pod_in(struct __sk_buff *skb)
{
	struct observation o = {.hook = HOOK_INGRESS, .side = SENT};

	if (!begin(&o, skb->ifindex))
		return pass(false);
	return observe_skb(skb, &o, look_closely_pod_in4, look_closely_pod_in6);
}

SEC("tc")
int ebpfnet_pod_out(struct __sk_buff *skb)
{
	struct observation o = {.hook = HOOK_EGRESS, .side = DELIVERED};

	if (!begin(&o, skb->ifindex))
		return pass(false);
	return observe_skb(skb, &o, look_closely_pod_out4, look_closely_pod_out6);
}

SEC("tc")
int ebpfnet_up_in(struct __sk_buff *skb)
{
	struct observation o = {.uplink = true, .hook = HOOK_INGRESS, .side = DELIVERED};

	if (!begin(&o, skb->ifindex))
		return pass(false);
	return observe_skb(skb, &o, look_closely_up_in4, look_closely_up_in6);
}

SEC("tc")
int ebpfnet_up_out(struct __sk_buff *skb)
{
	struct observation o = {.uplink = true, .hook = HOOK_EGRESS, .side = SENT};

	if (!begin(&o, skb->ifindex))
		return pass(false);
	return observe_skb(skb, &o, look_closely_up_out4, look_closely_up_out6);
}

/* At the pod's own device, where bpf_redirect_peer delivers past the host end. Loaded once for each,
 * with its constants: ifindexes of that namespace mean nothing here. Counts only while the host end's
 * slot says that it does not. */
SEC("tc")
int ebpfnet_inside(struct __sk_buff *skb)
{
	struct observation o = {.hook = HOOK_INGRESS, .side = DELIVERED};
	const struct slot *host = find_slot(inside_ifindex);

	if (!host || !(host->flags & SLOT_INSIDE) ||
	    !begin_at(&o, inside_slot, host->flags & SLOT_NO_ETHERNET))
		return pass(false);
	return observe_skb(skb, &o, look_closely_inside4, look_closely_inside6);
}

SEC("xdp")
int ebpfnet_xdp(struct xdp_md *xdp)
{
	struct observation o = {.xdp = true, .uplink = true, .hook = HOOK_INGRESS, .side = DELIVERED};

	if (!begin(&o, xdp->ingress_ifindex))
		return pass(true);
	return observe_xdp(xdp, &o);
}
