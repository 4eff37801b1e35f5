#!/bin/bash
# Records the captures of this folder again: real resolvers in the network of a pod (resolv.conf) that ask dnsmasq, and
# openssl as a TLS client. Root; needs iproute2, dnsmasq-base, tcpdump, dnsutils, musl-tools, openssl, go.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d) pod=names-pod-$$ node=names-node-$$
pids=()
finish() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	ip netns del "$pod" 2>/dev/null || true
	ip netns del "$node" 2>/dev/null || true
	rm -rf "$work"
}
trap finish EXIT

ip netns add "$pod"
ip netns add "$node"
ip -n "$pod" link add eth0 type veth peer name veth0 netns "$node"
ip -n "$pod" addr add 198.18.7.2/24 dev eth0
ip -n "$node" addr add 198.18.7.53/24 dev veth0
ip -n "$node" addr add 198.18.7.80/24 dev veth0
for side in "$pod lo" "$pod eth0" "$node lo" "$node veth0"; do ip -n ${side% *} link set ${side#* } up; done
ip netns exec "$pod" ethtool -K eth0 tso off gso off >/dev/null

cat >"$work/resolv.conf" <<-CONF
	nameserver 198.18.7.53
	search shop.svc.cluster.local svc.cluster.local cluster.local node.internal
	options ndots:5
CONF
long=$(printf 'x%.0s' {1..250})
ip netns exec "$node" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --no-daemon --bind-interfaces \
	--listen-address=198.18.7.53 --user=root --pid-file= --cache-size=0 \
	--local=// --local=/cluster.local/ --local=/test/ --local=/internal/ --local=/typo/ --local=/other/ \
	--host-record=github.test,198.18.9.80,fd00:9::80 --host-record=db.shop.svc.cluster.local,198.18.9.11 \
	--host-record=web.other.svc.cluster.local,198.18.9.12 --host-record=vm1.node.internal,198.18.9.13 \
	--host-record=edge.cdn.test,198.18.9.81 --host-record=a.b.c.d.e.test,198.18.9.14 --cname=www.example.test,edge.cdn.test \
	$(for i in 1 2 3 4 5 6 7 8; do echo "--txt-record=big.test,$i$long"; done) 2>"$work/dnsmasq.log" &
pids+=($!)
until ip netns exec "$pod" dig +short +time=1 +tries=1 @198.18.7.53 github.test | grep -q 198.18; do :; done

record() { # file, filter, command...
	local file=$1 filter=$2
	shift 2
	ip netns exec "$pod" tcpdump -i eth0 -U -s 0 -w "$file" "$filter" 2>"$work/tcpdump.log" &
	local pid=$!
	until grep -q 'listening on' "$work/tcpdump.log"; do :; done
	ip netns exec "$pod" unshare -m sh -c 'mount --bind "$1" /etc/resolv.conf; shift; exec "$@"' sh "$work/resolv.conf" "$@" >"$work/out" 2>&1 || true
	local size=24 # of an empty capture
	sleep 2
	until [ "$(stat -c %s "$file")" = $size ] && [ $size != 24 ]; do size=$(stat -c %s "$file"); sleep 1; done
	kill -INT $pid
	wait $pid || true
	ls -l "$file"
}

names="github.test web.other db www.example.test vm1 a.b.c.d.e.test typo typo.other nope.shop.svc.cluster.local a.b.c.d.e.typo"

cat >"$work/lookup.c" <<-C
	#include <netdb.h>
	#include <sys/socket.h>
	int main(int n, char **names) {
		struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
		for (int i = 1; i < n; i++) getaddrinfo(names[i], 0, &hints, &found);
	}
C
gcc -o "$work/glibc" "$work/lookup.c"
musl-gcc -static -o "$work/musl" "$work/lookup.c"
mkdir "$work/go"
cat >"$work/go/main.go" <<-GO
	package main

	import (
		"context"
		"net"
		"os"
	)

	func main() {
		for _, name := range os.Args[1:] {
			(&net.Resolver{PreferGo: true}).LookupIPAddr(context.Background(), name)
		}
	}
GO
CGO_ENABLED=0 go build -o "$work/golang" "$work/go/main.go"

dns='port 53'
record search-glibc.pcap "$dns" "$work/glibc" $names
record search-musl.pcap "$dns" "$work/musl" $names
record search-go.pcap "$dns" "$work/golang" $names
# An answer that does not fit, asked again over TCP; then three questions on one connection.
record tcp-dig.pcap "$dns" sh -c '
	dig @198.18.7.53 +bufsize=512 big.test TXT
	dig @198.18.7.53 +tcp +keepopen github.test A big.test TXT github.test AAAA'

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -subj /CN=test -days 2 2>/dev/null
ip netns exec "$node" openssl s_server -accept 198.18.7.80:443 -key "$work/key.pem" -cert "$work/cert.pem" -www \
	-alpn istio,h2,http/1.1 -groups P-384 >/dev/null 2>&1 &
pids+=($!)
until ip netns exec "$node" ss -Hltn sport = :443 | grep -q .; do :; done
sni=outbound_.8080_.v1_.reviews.default.svc.cluster.local
record tls-openssl.pcap 'dst port 443 and tcp[13] & 8 != 0' sh -c "
	client() { echo | timeout 3 openssl s_client -connect 198.18.7.80:443 \"\$@\"; }
	client -servername www.example.test -alpn h2,http/1.1 -groups P-384
	client -servername Old.Example.TEST -tls1_2
	client -noservername
	client -servername retry.example.test -groups X25519:P-384
	client -servername $sni -alpn istio-peer-exchange,istio
"
