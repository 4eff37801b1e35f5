/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Conntrack's view of a connection, by the kfuncs of Linux 6.0 and later
 * (net/netfilter/nf_conntrack_bpf.c). TCP and UDP of the default zone only, which
 * is what the kfuncs look up. */
#pragma once

#include "flow.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* The parts of include/net/netfilter/nf_conntrack*.h that are read. */
union nf_inet_addr {
	__be32 all[4];
};

union nf_conntrack_man_proto {
	__be16 all;
};

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
};

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
	struct {
		union nf_inet_addr u3;
		union {
			__be16 all;
		} u;
	} dst;
};

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
};

struct nf_conn {
	struct nf_conntrack_tuple_hash tuplehash[2];
};

#pragma clang attribute pop

struct bpf_ct_opts {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};

extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *, struct bpf_sock_tuple *, __u32,
					 struct bpf_ct_opts *, __u32)
__weak __ksym;
extern struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *, struct bpf_sock_tuple *, __u32,
					 struct bpf_ct_opts *, __u32)
__weak __ksym;
extern void bpf_ct_release(struct nf_conn *) __weak __ksym;

static __always_inline void read_tuple4(struct tuple4 *t, const struct nf_conntrack_tuple *from)
{
	t->saddr = from->src.u3.all[0];
	t->daddr = from->dst.u3.all[0];
	t->sport = bpf_ntohs(from->src.u.all);
	t->dport = bpf_ntohs(from->dst.u.all);
}

static __always_inline void read_tuple6(struct tuple6 *t, const struct nf_conntrack_tuple *from)
{
#pragma unroll
	for (int i = 0; i < 4; i++) {
		t->saddr[i] = from->src.u3.all[i];
		t->daddr[i] = from->dst.u3.all[i];
	}
	t->sport = bpf_ntohs(from->src.u.all);
	t->dport = bpf_ntohs(from->dst.u.all);
}

static __always_inline bool answers4(const struct nat4 *n)
{
	return n->original.saddr == n->reply.daddr && n->original.daddr == n->reply.saddr &&
	       n->original.sport == n->reply.dport && n->original.dport == n->reply.sport;
}

static __always_inline bool same6(const __be32 *a, const __be32 *b)
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}

static __always_inline bool answers6(const struct nat6 *n)
{
	return same6(n->original.saddr, n->reply.daddr) && same6(n->original.daddr, n->reply.saddr) &&
	       n->original.sport == n->reply.dport && n->original.dport == n->reply.sport;
}

static __always_inline __u8 store_nat4(const struct observation *o, const struct flow4_key *key,
				       const struct nf_conn *ct)
{
	__u32 generation = o->generation;
	void *map = bpf_map_lookup_elem(&nat4, &generation);
	struct draft *draft = find_draft();

	if (!map || !draft)
		return NAT_UNKNOWN;
	read_tuple4(&draft->nat4.original, &ct->tuplehash[0].tuple);
	read_tuple4(&draft->nat4.reply, &ct->tuplehash[1].tuple);
	barrier();
	if (answers4(&draft->nat4))
		return NAT_NONE;
	return bpf_map_update_elem(map, key, &draft->nat4, BPF_ANY) ? NAT_FULL : NAT_TRANSLATED;
}

static __always_inline __u8 store_nat6(const struct observation *o, const struct flow6_key *key,
				       const struct nf_conn *ct)
{
	__u32 generation = o->generation;
	void *map = bpf_map_lookup_elem(&nat6, &generation);
	struct draft *draft = find_draft();

	if (!map || !draft)
		return NAT_UNKNOWN;
	read_tuple6(&draft->nat6.original, &ct->tuplehash[0].tuple);
	read_tuple6(&draft->nat6.reply, &ct->tuplehash[1].tuple);
	barrier(); /* or it keeps 16 words on the stack */
	if (answers6(&draft->nat6))
		return NAT_NONE;
	return bpf_map_update_elem(map, key, &draft->nat6, BPF_ANY) ? NAT_FULL : NAT_TRANSLATED;
}

/* Asks conntrack once per side and generation, until it knows. A first packet
 * that has not passed PREROUTING yet cannot be known and is not asked for. */
static __always_inline void look_up_nat(const struct observation *o, struct flow *flow,
					const union flow_key *key, const struct packet *p, __u32 dir, bool v6)
{
	if (!has_conntrack || flow->nat != NAT_UNKNOWN || p->later_fragment)
		return;
	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
		return;
	if (o->hook == HOOK_INGRESS && dir == flow->first_dir)
		return;
	struct bpf_sock_tuple tuple = {};
	struct bpf_ct_opts opts = {.netns_id = BPF_F_CURRENT_NETNS, .l4proto = p->proto};
	struct nf_conn *ct;

	/* Conntrack knows what each end sends. What leaves a pod, or comes in from outside, is such a
	 * tuple; what is about to be handed over was translated on its way, and its answer is one. */
	__u32 size = fill_tuple(&tuple, p, o->hook == HOOK_EGRESS, v6);

	if (o->xdp)
		ct = bpf_xdp_ct_lookup(o->ctx, &tuple, size, &opts, sizeof(opts));
	else
		ct = bpf_skb_ct_lookup(o->ctx, &tuple, size, &opts, sizeof(opts));
	if (!ct)
		return;
	/* what was asked for is what the local end sends: at egress the other direction */
	__u32 asked = o->hook == HOOK_EGRESS ? !dir : dir;

	flow->original = 1 + (opts.dir ? !asked : asked);
	flow->nat = v6 ? store_nat6(o, &key->v6, ct) : store_nat4(o, &key->v4, ct);
	bpf_ct_release(ct);
}
