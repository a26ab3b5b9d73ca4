#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# busybox-rootfs.sh BUSYBOX DIR: a root file system of one static busybox, of
# any architecture. The names of the applets are asked of the host's busybox,
# which is built from the same package.
set -eu
busybox=$1 dir=$2
rm -rf "$dir"
mkdir -p "$dir"/{bin,sbin,usr/bin,usr/sbin,dev,etc,proc,root,run,sys,var,mnt}
mkdir -p -m 1777 "$dir/tmp"
cp "$busybox" "$dir/bin/busybox"
chmod 755 "$dir/bin/busybox"
for applet in $(busybox --list); do
	[ "$applet" = busybox ] || ln -s busybox "$dir/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false' >"$dir/etc/passwd"
echo 'root:x:0:
nogroup:x:65534:' >"$dir/etc/group"
