#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The recipe of modules, as kernel-compile.sh is that of the kernel, behind which
# it runs: makes OUT/modules.tar, whose root is what /lib/modules is to have. Its
# text is part of the cache key of kernels with modules.
#
#   kernel-modules.sh SRC OBJ OUT KARCH CROSS EPOCH JOBS KCFLAGS
set -euo pipefail

src=$1 obj=$2 out=$3 karch=$4 cross=$5 epoch=$6 jobs=$7 kcflags=$8

# Where depmod is, which users other than root often lack.
PATH=$PATH:/usr/sbin:/sbin

cc=${cross}gcc hostcc=gcc
if command -v ccache >/dev/null; then
	cc="ccache $cc" hostcc="ccache gcc"
fi
root=$obj/.kiln-modules
rm -rf "$root"
run() {
	env -i PATH="$PATH" HOME=/ LC_ALL=C TZ=UTC \
		CCACHE_DIR="${CCACHE_DIR:-}" \
		CCACHE_BASEDIR="${CCACHE_BASEDIR:-}" \
		CCACHE_COMPILERCHECK=content CCACHE_NOHASHDIR=1 \
		KBUILD_BUILD_TIMESTAMP="$(date -u -d "@$epoch")" \
		KBUILD_BUILD_USER=kiln KBUILD_BUILD_HOST=kiln \
		KBUILD_BUILD_VERSION=1 \
		make -C "$src" O="$obj" ARCH="$karch" CROSS_COMPILE="$cross" \
		CC="$cc" HOSTCC="$hostcc" RUSTC=false BINDGEN=false \
		PAHOLE=false LOCALVERSION= KCFLAGS="$kcflags" "$@"
}
run -j"$jobs" modules
# What depmod writes for programs that look names up fast, the agent does not
# read: modules.dep, modules.builtin and the like are enough.
run INSTALL_MOD_PATH="$root" INSTALL_MOD_STRIP=1 \
	DEPMOD=/bin/true modules_install
release=$(cat "$obj/include/config/kernel.release")
depmod -b "$root" -F "$obj/System.map" "$release"
cd "$root/lib/modules"
rm -f "$release"/{build,source,modules.*.bin}
find . -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" \
	--format=posix --pax-option=delete=atime,delete=ctime \
	-cf "$out/modules.tar" .
rm -rf "$root"
