#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#	root.sh ARCH PACKAGE...
#
# $O/ARCH/${NAME:-bench}-rootfs: busybox and Debian packages of that architecture
# with all that they need, unpacked; nothing of them runs on the host.
set -euo pipefail
O=$(realpath "${O:-build}")
here=$(cd "$(dirname "$0")/../../osbuilder" && pwd)
arch=$1 name=${NAME:-bench}
dir=$O/$1/$name-rootfs
shift
mkdir -p "$O/$arch"
"$here/resolve-packages.sh" "$arch" "$O/$arch/$name.lock" "$@"
if [ -e "$dir.done" ] && cmp -s "$O/$arch/$name.lock" "$dir.done"; then
	exit
fi
KILN_LOCK=$O/$arch/$name.lock "$here/fetch-guest-packages.sh" "$arch" \
	"$O/$arch/$name.list"
"$here/unpack-packages.sh" "$O/$arch/$name.list" "$O/$arch/$name.tars"
rm -rf "$dir" "$dir.done"
cp -a "$O/$arch/busybox-rootfs" "$dir"
for tar in "$O/$arch/$name.tars"/*.tar; do
	tar -C "$dir" --keep-directory-symlink -xf "$tar"
done
rm -rf "$O/$arch/$name.tars"
cp "$O/$arch/$name.lock" "$dir.done"
