#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#	root.sh ARCH PACKAGE...
#
# $O/ARCH/bench-rootfs: busybox and Debian packages of that architecture with
# all that they need, unpacked; nothing of them runs on the host.
set -euo pipefail
O=$(realpath "${O:-build}")
here=$(cd "$(dirname "$0")/../../osbuilder" && pwd)
arch=$1 dir=$O/$1/bench-rootfs
shift
mkdir -p "$O/$arch"
"$here/resolve-packages.sh" "$arch" "$O/$arch/bench.lock" "$@"
if [ -e "$dir.done" ] && cmp -s "$O/$arch/bench.lock" "$dir.done"; then
	exit
fi
KILN_LOCK=$O/$arch/bench.lock "$here/fetch-guest-packages.sh" "$arch" \
	"$O/$arch/bench.list"
"$here/unpack-packages.sh" "$O/$arch/bench.list" "$O/$arch/bench.tars"
rm -rf "$dir" "$dir.done"
cp -a "$O/$arch/busybox-rootfs" "$dir"
for tar in "$O/$arch/bench.tars"/*.tar; do
	tar -C "$dir" --keep-directory-symlink -xf "$tar"
done
rm -rf "$O/$arch/bench.tars"
cp "$O/$arch/bench.lock" "$dir.done"
