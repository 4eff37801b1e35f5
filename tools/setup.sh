#!/bin/sh
# Installs the Debian packages that a job needs and that are missing: setup.sh build|test|generate. Does nothing, and says so, where
# all are there or where this is no Debian.
set -eu
case ${1:-} in
build) packages="ca-certificates curl unzip" ;;
test) packages="ca-certificates curl unzip gcc libc6-dev iproute2 iputils-ping nftables ethtool iperf3 nmap hping3 socat" ;;
generate) packages="ca-certificates curl unzip clang-19 llvm-19 clang-format-19 libbpf-dev linux-libc-dev" ;;
*) echo "usage: $0 build|test|generate" >&2; exit 2 ;;
esac

command -v dpkg-query >/dev/null || { echo "setup: no Debian; make sure these are installed: $packages" >&2; exit 0; }
missing=
for p in $packages; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
echo "setup: installing$missing" >&2
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "setup: needs root to install$missing" >&2; exit 1; }
	sudo=sudo
fi
$sudo apt-get update -qq
# iperf3 asks whether to start a server at boot
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
