#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The busybox that is built from source, rootfs/busybox.config.

load helpers

setup() {
	image_setup
	arch=$(uname -m)
	[ -x "$out/$arch/sysroot/bin/kiln-cc" ] || skip "no sysroot of $arch"
	cache=${KILN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kiln}
	KILN_CACHE=$cache KILN_LOCK=$top/rootfs/busybox.lock \
		"$top/osbuilder/fetch-guest-packages.sh" "$arch" "$work/truth"
	# The sources from the store, all that is made in a cache of its own.
	mkdir -p "$work/cache"
	ln -s "$cache/store" "$work/cache/store"
	export KILN_CACHE=$work/cache
}

build() {
	"$top/osbuilder/build-busybox.sh" "$arch" "$work/truth" \
		"$out/$arch/sysroot" "$@"
}

@test "symbols of busybox that cannot be had are told by name" {
	printf 'CONFIG_%s\n' STATIC=y CAT=y NO_SUCH_THING=y NOTHING_EITHER=n \
		FEATURE_TAR_CREATE=y CAL=y >"$work/fragment"
	run build "$work/fragment" "$work/bb"
	[ "$status" = 1 ]
	[[ "$output" == *"CONFIG_NO_SUCH_THING is no symbol there is, not y"* ]]
	[[ "$output" == *"CONFIG_NOTHING_EITHER is no symbol there is, not n"* ]]
	[[ "$output" == *"CONFIG_FEATURE_TAR_CREATE is n, not y"* ]]
	[[ "$output" != *"CONFIG_C"* ]]
	[ ! -e "$work/bb/busybox" ]
	# Nothing is left of it.
	[ -z "$(ls "$work/cache/tmp")" ]
}

@test "busybox is the same from another folder, its links are its applets" {
	printf 'CONFIG_%s\n' STATIC=y BUSYBOX=y CAT=y ECHO=y SEQ=y SHA256SUM=y \
		SHOW_USAGE=y SH_IS_NONE=y BASH_IS_NONE=y >"$work/fragment"
	build "$work/fragment" "$work/one"
	(umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 MAKEFLAGS=-k \
		build "$work/fragment" "$work/two")
	cmp "$work/one/busybox" "$work/two/busybox"
	cmp "$work/one/busybox.manifest" "$work/two/busybox.manifest"
	[ "$("$work/one/busybox" --list | sort | tr '\n' ' ')" = \
		"cat echo seq sha256sum " ]
	"$tool" tree --manifest "$work/one/busybox.manifest" >"$work/tree"
	[ "$(grep -c -- '-> /bin/busybox$' "$work/tree")" = 4 ]
	[ "$("$work/one/busybox" seq 3 | "$work/one/busybox" cat | tail -n 1)" = 3 ]
	! grep -aF "$work" "$work/one/busybox"
}
