//go:build ignore

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the least flow counter costs: the programs that benchmarks compare ours with. Never
 * attached to an interface. */
#include <linux/bpf.h>

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FRAGMENT      0x3fff /* more fragments, or an offset */
#define ADD(field, n) __sync_fetch_and_add(&(field), (n))

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct tuple {
	__be32 saddr;
	__be32 daddr;
	__be16 source;
	__be16 dest;
	__u32 proto;
};

struct sum {
	__u64 packets;
	__u64 bytes;
};

struct flows_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct tuple);
	__type(value, struct sum);
};

struct flows_map flows_0 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct flows_map);
} flows SEC(".maps") = {.values = {&flows_0}};

/* Where churn goes on: the program that is measured. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

/* The harness itself. */
SEC("tc")
int empty(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

SEC("xdp")
int empty_xdp(struct xdp_md *xdp)
{
	return XDP_PASS;
}

/* Parses an IPv4 packet of TCP or UDP, as carefully as ports must be to be ports; finds its entry in a map
 * in a map; adds twice. */
static __always_inline void measure(void *start, void *end, __u32 length)
{
	struct ethhdr *eth = start;
	struct iphdr *ip = (void *)(eth + 1);
	__be16 *ports = (void *)(ip + 1);

	if ((void *)(ports + 2) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return;
	if (ip->version != 4 || ip->ihl != 5 || ip->frag_off & bpf_htons(FRAGMENT))
		return;
	if (bpf_ntohs(ip->tot_len) < sizeof(*ip) + 4 || sizeof(*eth) + bpf_ntohs(ip->tot_len) > length)
		return;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return;
	struct tuple key = {ip->saddr, ip->daddr, ports[0], ports[1], ip->protocol};
	__u32 zero = 0;
	void *map = bpf_map_lookup_elem(&flows, &zero);
	struct sum *sum = map ? bpf_map_lookup_elem(map, &key) : NULL;

	if (!sum) {
		struct sum first = {1, length};

		if (map)
			bpf_map_update_elem(map, &key, &first, BPF_NOEXIST);
		return;
	}
	ADD(sum->packets, 1);
	ADD(sum->bytes, length);
}

SEC("tc")
int yardstick(struct __sk_buff *skb)
{
	measure((void *)(long)skb->data, (void *)(long)skb->data_end, skb->len);
	return TC_ACT_UNSPEC;
}

SEC("xdp")
int yardstick_xdp(struct xdp_md *xdp)
{
	void *start = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;

	measure(start, end, end - start);
	return XDP_PASS;
}

/* Makes of each run another flow, by counting the source address up, and goes on with the
 * program in next. */
SEC("tc")
int churn(struct __sk_buff *skb)
{
	void *start = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = start;

	if (start + 64 > end)
		return TC_ACT_UNSPEC;
	/* the source address, or its last word */
	__u32 *source = start + sizeof(*eth) + (eth->h_proto == bpf_htons(ETH_P_IP) ? 12 : 20);

	*source = bpf_htonl(bpf_ntohl(*source) + 1);
	bpf_tail_call(skb, &next, 0);
	return TC_ACT_UNSPEC;
}
