#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# debian-root.sh ARCH TAR: a Debian root of that architecture with a compiler,
# from the host's mirrors. The packages are unpacked only: to run their scripts
# takes that architecture, and nothing here needs them. KILN_APT_SOURCES names
# another sources file than the distribution's.
set -eu
case $1 in
x86_64) deb=amd64 ;;
aarch64) deb=arm64 ;;
ppc64le) deb=ppc64el ;;
s390x) deb=s390x ;;
*) echo "debian-root.sh: no such architecture: '$1'" >&2; exit 1 ;;
esac
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
mkdir -p "$(dirname "$2")"
trap 'rm -f "$2.tmp.tar"' EXIT
mmdebstrap --quiet --variant=extract --architectures=$deb --include='?essential' \
	--include=gcc,libc6-dev,make "$suite" "$2.tmp.tar" \
	${KILN_APT_SOURCES:+"$KILN_APT_SOURCES"}
mv "$2.tmp.tar" "$2"
