#!/bin/sh
# Builds etcd and kube-apiserver (and, when named, kwok) from the Go module proxy
# into a cache folder, for the tests that want a real API server. What is there
# already is kept. Usage: build.sh [--check] [etcd] [kube-apiserver] [kwok]
# With --check nothing is built: it fails where something is missing.
set -eu
cd "$(dirname "$0")"
go=../../tools/go
version=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' go.mod)
out=${XDG_CACHE_HOME:-$HOME/.cache}/ebpfnet-apiserver/${version#v}
minor=${version#v1.}
minor=${minor%%.*}
component=k8s.io/component-base/version
stamp="-X $component.gitVersion=$version -X $component.gitMajor=1 -X $component.gitMinor=$minor"
check=
[ "${1:-}" != --check ] || { check=1; shift; }

build() { # folder of the go.mod, package, name
	[ -x "$out/$3" ] && return
	[ -z "$check" ] || { echo "$3 is not in $out" >&2; exit 1; }
	echo "building $3 (minutes, when cold)" >&2
	# Written beside and renamed: a test must never find half a binary.
	CGO_ENABLED=0 $go -C "$1" build -trimpath -ldflags "-s -w $stamp" -o "$out/$3.$$" "$2"
	mv "$out/$3.$$" "$out/$3"
}

mkdir -p "$out"
[ $# -gt 0 ] || set -- etcd kube-apiserver
for one; do
	case $one in
	etcd) build . go.etcd.io/etcd/server/v3 etcd ;;
	kube-apiserver) build . k8s.io/kubernetes/cmd/kube-apiserver kube-apiserver ;;
	kwok) build kwok sigs.k8s.io/kwok/cmd/kwok kwok ;;
	*)
		echo "build.sh: no such program: $one" >&2
		exit 2
		;;
	esac
done
echo "$out"
