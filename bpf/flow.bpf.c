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

/* Names are what bpftool shows, and how instances know each other's programs. */
SEC("tc")
int ebpfnet_pod_in(struct __sk_buff *skb)
{
	struct observation o = {.hook = HOOK_INGRESS, .side = SENT};

	if (!begin(&o, skb->ifindex))
		return pass(false);
	return observe_skb(skb, &o, false);
}

SEC("tc")
int ebpfnet_pod_out(struct __sk_buff *skb)
{
	struct observation o = {.hook = HOOK_EGRESS, .side = DELIVERED};

	if (!begin(&o, skb->ifindex))
		return pass(false);
	return observe_skb(skb, &o, false);
}

SEC("tc")
int ebpfnet_up_in(struct __sk_buff *skb)
{
	struct observation o = {.hook = HOOK_INGRESS, .side = DELIVERED};

	if (!begin(&o, skb->ifindex))
		return pass(false);
	return observe_skb(skb, &o, true);
}

SEC("tc")
int ebpfnet_up_out(struct __sk_buff *skb)
{
	struct observation o = {.hook = HOOK_EGRESS, .side = SENT};

	if (!begin(&o, skb->ifindex))
		return pass(false);
	return observe_skb(skb, &o, true);
}

/* At the pod's own device, where bpf_redirect_peer delivers past the host end. Loaded once for each,
 * with its constants: ifindexes of that namespace mean nothing here. Counts only while the host end's
 * slot says that it does not. */
SEC("tc")
int ebpfnet_inside(struct __sk_buff *skb)
{
	struct observation o = {.hook = HOOK_INGRESS, .side = DELIVERED};
	struct slot *host = find_slot(inside_ifindex);

	if (!host || !(host->flags & SLOT_INSIDE) ||
	    !begin_at(&o, inside_slot, host->flags & SLOT_NO_ETHERNET))
		return pass(false);
	return observe_skb(skb, &o, false);
}

SEC("xdp")
int ebpfnet_xdp(struct xdp_md *xdp)
{
	struct observation o = {.hook = HOOK_INGRESS, .side = DELIVERED, .xdp = true};

	if (!begin(&o, xdp->ingress_ifindex))
		return pass(true);
	return observe_xdp(xdp, &o);
}
