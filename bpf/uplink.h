/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which packets are the node's own. At an uplink those of pods were counted at their
 * veths: bridged, routed, redirected, masqueraded or encapsulated, they are transit
 * there. A flow that carries the node's address is counted, with what is known of
 * its claim to it; user space concludes from that and from conntrack. */
#pragma once

#include "flow.h"

#define PORT_ESP_IN_UDP 4500 /* RFC 3948 */

static __always_inline bool is_own_address(const __be32 *addr, bool v6)
{
	__be32 mapped[4];

	map_address(mapped, addr, v6);
	return bpf_map_lookup_elem(&own_addresses, mapped);
}

/* What is inside was, or will be, seen at the tunnel's device or at a veth. */
static __always_inline bool is_tunnel(__u8 proto, __u16 sport, __u16 dport)
{
	switch (proto) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
	case IPPROTO_GRE:
	case IPPROTO_ESP:
	case IPPROTO_AH:
		return true;
	case IPPROTO_UDP:
		if (dport == PORT_ESP_IN_UDP || sport == PORT_ESP_IN_UDP)
			return true;
		return bpf_map_lookup_elem(&tunnel_ports, &dport) ||
		       bpf_map_lookup_elem(&tunnel_ports, &sport);
	}
	return false;
}

/* The packet's own evidence, no state: asked once per flow and generation, and for each packet of transit.
 * local is the address on the node's side. */
static __always_inline __u8 classify(const __be32 *local, bool v6, __u8 proto, __u16 sport, __u16 dport)
{
	return is_own_address(local, v6) && !is_tunnel(proto, sport, dport) ? CLASS_COUNTED : CLASS_TRANSIT;
}

/* A socket of this network namespace that takes what the other end sends. */
static __always_inline bool has_socket(const struct observation *o, const struct packet *p, bool v6)
{
	struct bpf_sock_tuple t = {};
	__u32 size = fill_tuple(&t, p, o->hook == HOOK_EGRESS, v6);
	struct bpf_sock *sk;

	if (p->proto == IPPROTO_TCP)
		sk = bpf_skc_lookup_tcp(o->ctx, &t, size, BPF_F_CURRENT_NETNS, 0);
	else
		sk = bpf_sk_lookup_udp(o->ctx, &t, size, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return false;
	bpf_sk_release(sk);
	return true;
}

/* The claim to the node's address. At egress a packet that came in by another
 * interface was forwarded, and one that started here carries its socket, which
 * must be of the packet's own protocol: an encapsulated one carries the inner. */
static __always_inline __u8 claim_at_uplink(const struct observation *o, const struct packet *p, bool v6)
{
	bool transport = p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP;

	if (!o->xdp && o->hook == HOOK_EGRESS) {
		struct __sk_buff *skb = o->ctx;

		if (skb->ingress_ifindex)
			return CLAIM_FORWARDED;
		if (!transport) {
			struct bpf_sock *sk = skb->sk;

			if (!sk)
				return CLAIM_NONE;
			sk = bpf_sk_fullsock(sk);
			return sk && sk->protocol == p->proto ? CLAIM_SOCKET : CLAIM_NONE;
		}
	}
	return transport && has_socket(o, p, v6) ? CLAIM_SOCKET : CLAIM_NONE;
}

/* The same for what is handed to a pod under the node's address: by a process of the node, or
 * translated on its way from elsewhere. */
static __always_inline __u8 claim_at_pod(const struct observation *o, const struct packet *p, bool v6)
{
	if (o->hook != HOOK_EGRESS || !is_own_address(p->saddr, v6))
		return CLAIM_NONE;
	struct __sk_buff *skb = o->ctx;

	return skb->ingress_ifindex ? CLAIM_FORWARDED : CLAIM_SOCKET;
}
