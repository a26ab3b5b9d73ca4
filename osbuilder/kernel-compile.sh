#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The recipe: compiles one kernel, reproducibly. Its text is part of the cache
# key, so nothing else belongs here.
#
#   kernel-compile.sh SRC OBJ OUT KARCH CROSS TARGET IMAGE REPACK EPOCH JOBS \
#	KCFLAGS
#
# REPACK is the source of the program that writes the kernel out, or empty.
# OBJ holds .config already. The environment is emptied: KCFLAGS, ARCH and the
# like of the caller must not reach Kbuild.
set -euo pipefail

src=$1 obj=$2 out=$3 karch=$4 cross=$5 target=$6 image=$7 repack=$8 epoch=$9
jobs=${10} kcflags=${11}

cc=${cross}gcc hostcc=gcc
if command -v ccache >/dev/null; then
	cc="ccache $cc" hostcc="ccache gcc"
fi

# ccache sees paths relative to the directory that source and objects share,
# which makes its hits independent of where the cache lies.
cp "$obj/.config" "$obj/.config.proved"
env -i PATH="$PATH" HOME=/ LC_ALL=C TZ=UTC \
	CCACHE_DIR="${CCACHE_DIR:-}" CCACHE_BASEDIR="${CCACHE_BASEDIR:-}" \
	CCACHE_COMPILERCHECK=content CCACHE_NOHASHDIR=1 \
	KBUILD_BUILD_TIMESTAMP="$(date -u -d "@$epoch")" \
	KBUILD_BUILD_USER=kiln KBUILD_BUILD_HOST=kiln KBUILD_BUILD_VERSION=1 \
	make -C "$src" O="$obj" ARCH="$karch" CROSS_COMPILE="$cross" \
	CC="$cc" HOSTCC="$hostcc" RUSTC=false BINDGEN=false PAHOLE=false \
	LOCALVERSION= KCFLAGS="$kcflags" \
	-j"$jobs" "$target"

# Kbuild synchronises its configuration before it builds. What it built must
# be what was proved.
cmp "$obj/.config.proved" "$obj/.config" || {
	echo "kbuild changed the proved configuration" >&2
	exit 1
}

mkdir -p "$out"
if [ -n "$repack" ]; then
	gcc -O2 -o "$obj/kernel-repack" "$repack"
	"$obj/kernel-repack" "$obj/$image" "$out/kernel"
	"$obj/kernel-repack" --same "$obj/$image" "$out/kernel"
else
	cp "$obj/$image" "$out/kernel"
fi
chmod 644 "$out/kernel"
cp "$obj/.config" "$out/kernel.config"
cp "$obj/System.map" "$out/kernel.map"
cp "$obj/include/config/kernel.release" "$out/release"
zstd -q -19 -T1 -f -o "$out/kernel.zst" "$out/kernel"
