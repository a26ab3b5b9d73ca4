#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The packages guests are made of, and the compiler for them. No test here needs
# the network: the mirror is none.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	out=$(realpath -m "${KILN_O:-${O:-build}}")
	work=$BATS_TEST_TMPDIR
	fetch=$top/osbuilder/fetch-guest-packages.sh
	export KILN_CACHE=$work/cache KILN_LOCK=$work/lock
	export KILN_APT_SOURCES=$work/sources.list
	: >"$KILN_APT_SOURCES"
	mkdir -p "$KILN_CACHE/store/sha256"
}

# A package of content $2 in the store, for architecture $1 of Debian.
stored() {
	local sum
	sum=$(printf '%s' "$2" | sha256sum | cut -d' ' -f1)
	printf '%s' "$2" >"$KILN_CACHE/store/sha256/$sum"
	echo "deb p$2 $1 1.0-$2 $sum p$2.deb" >>"$KILN_LOCK"
}

@test "with a filled store no mirror is asked" {
	stored s390x a
	stored amd64 b
	stored source c
	run --separate-stderr "$fetch" s390x
	[ "$status" = 0 ]
	[ -z "$stderr" ]
	[ "${#lines[@]}" = 2 ]
	[[ "${lines[0]}" == "deb pa s390x 1.0-a "* ]]
	[[ "${lines[1]}" == "deb pc source 1.0-c "* ]]
	[ ! -e "$KILN_CACHE/apt" ]
}

@test "what is nowhere to be had is named in one line" {
	command -v apt-get >/dev/null || skip "no apt-get"
	echo "deb nowhere s390x 1 $(printf '0%.0s' {1..64}) x.deb" >"$KILN_LOCK"
	run "$fetch" s390x
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == *"cannot fetch 'nowhere' for s390x"* ]]
	[ -z "$(ls -A "$KILN_CACHE/tmp")" ]
}

@test "a lock that cannot be read is an error" {
	echo "deb too few" >"$KILN_LOCK"
	run "$fetch" s390x
	[ "$status" = 1 ]
	[[ "$output" == *"cannot read"* ]]
	run "$fetch" vax
	[ "$status" = 1 ]
	[[ "$output" == *"unknown architecture 'vax'"* ]]
}

@test "the lock names every input of every architecture" {
	for a in amd64 arm64 s390x ppc64el; do
		for p in musl-dev linux-libc-dev busybox-static; do
			grep -qE "^deb $p $a [^ ]+ [0-9a-f]{64} [^ ]+$" \
				"$top/rootfs/packages.lock"
		done
	done
	for p in libseccomp protobuf-c; do
		grep -q "^src $p source .*\.orig\.tar\." \
			"$top/rootfs/packages.lock"
	done
}

@test "kiln-cc makes static programs of each architecture" {
	found=
	cat >"$work/a.c" <<-END
		#include <seccomp.h>
		#include <protobuf-c/protobuf-c.h>
		#include <stdio.h>
		#include <linux/vm_sockets.h>
		int main(int argc, char **argv)
		{
			(void)argv;
			printf("%Lf %s %d\n", argc + 0.5L, protobuf_c_version(),
			       seccomp_syscall_resolve_name("fchmodat2"));
			return seccomp_syscall_resolve_name("read") < 0;
		}
	END
	for a in x86_64 aarch64 s390x ppc64le; do
		cc=$out/$a/sysroot/bin/kiln-cc
		[ -x "$cc" ] || continue
		found=1
		"$cc" -Wall -Werror -c -o "$work/a.o" "$work/a.c"
		for mode in "" -static-pie; do
			"$cc" -fPIE $mode -o "$work/$a" "$work/a.o" -lseccomp \
				-lprotobuf-c
			readelf -lW "$work/$a" >"$work/elf"
			! grep -q INTERP "$work/elf"
			if [ "$a" = "$(uname -m)" ]; then
				run "$work/$a"
			elif command -v "qemu-$a-static" >/dev/null; then
				run "qemu-$a-static" "$work/$a"
			else
				continue
			fi
			echo "$a $mode: $output"
			[ "$status" = 0 ]
			[[ "$output" =~ ^1\.500000\ [0-9.]+\ 452$ ]]
		done
	done
	[ -n "$found" ] || skip "no sysroot was built"
}

@test "the licence of everything in a sysroot is with it" {
	found=
	for a in x86_64 aarch64 s390x ppc64le; do
		[ -d "$out/$a/sysroot/share/licences" ] || continue
		found=1
		for p in $(cut -d' ' -f2 "$out/$a/sysroot/manifest"); do
			[ -n "$(ls -A "$out/$a/sysroot/share/licences/$p")" ]
		done
	done
	[ -n "$found" ] || skip "no sysroot was built"
}

# A package made by dpkg-deb with file $1, for s390x; no script of it runs.
built() {
	mkdir -p "$work/p/DEBIAN" "$work/p/$(dirname "$1")"
	echo "from the package" >"$work/p/$1"
	chmod 4755 "$work/p/$1"
	printf '%s\n' 'Package: one' 'Version: 1:2' 'Architecture: s390x' \
		'Maintainer: nobody' 'Description: x' >"$work/p/DEBIAN/control"
	printf '#!/bin/sh\ntouch %s/ran\n' "$work" >"$work/p/DEBIAN/postinst"
	chmod 755 "$work/p/DEBIAN/postinst"
	dpkg-deb --root-owner-group -b "$work/p" "$work/one.deb" >/dev/null
	sum=$(sha256sum <"$work/one.deb" | cut -d' ' -f1)
	cp "$work/one.deb" "$KILN_CACHE/store/sha256/$sum"
	echo "deb one s390x 1:2 $sum one_1%3a2_s390x.deb" >>"$KILN_LOCK"
}

@test "packages lie below a manifest, and an overlay above it" {
	command -v dpkg-deb >/dev/null || skip "no dpkg-deb"
	[ -x "$out/host/kiln-image" ] || skip "kiln-image is not built"
	built bin/tool
	"$fetch" s390x "$work/list"
	"$top/osbuilder/unpack-packages.sh" "$work/list" "$work/tars"
	[ ! -e "$work/ran" ]
	mkdir -p "$work/over/etc"
	echo over >"$work/over/etc/motd"
	printf 'file /etc/motd content=manifest\nfile /sbin/x content=x\n' \
		>"$work/m.manifest"
	args=(--manifest "$work/m.manifest" --packages "$work/list"
		--tars "$work/tars" --overlay "$work/over")
	for format in erofs ext4 squashfs; do
		"$out/host/kiln-image" image --format $format "${args[@]}" \
			--output "$work/$format"
		"$out/host/kiln-image" inspect "$work/$format" >"$work/text"
		grep -E '^file +4755 +0 +0 +17 /usr/bin/tool' "$work/text"
		grep -E '^link .* /bin -> usr/bin$' "$work/text"
		[ "$("$out/host/kiln-image" cat "$work/$format" /etc/motd)" = over ]
	done
	"$out/host/kiln-image" tree --format json "${args[@]}" >"$work/json"
	jq -e --arg s "$sum" '[.files[] | {key: .path, value: .origin}] |
		from_entries | .["/usr/bin/tool"] == "package one 1:2 s390x " + $s
		and .["/etc/motd"] == "overlay"
		and .["/usr/sbin/x"] == "manifest m.manifest:2"' "$work/json"
}

@test "a lock about the same packages is not resolved again" {
	echo '# made' >"$work/own.lock"
	echo '# packages: s390x  a b' >>"$work/own.lock"
	"$top/osbuilder/resolve-packages.sh" s390x "$work/own.lock" b a
	[ ! -e "$KILN_CACHE/apt" ]
	command -v apt-get >/dev/null || return 0
	# There is no mirror to ask: that is one line, and the lock stays.
	run "$top/osbuilder/resolve-packages.sh" s390x "$work/own.lock" b c
	[ "$status" = 1 ]
	[[ "${lines[-1]}" == "resolve-packages: error: s390x: "* ]]
	grep -x '# packages: s390x  a b' "$work/own.lock"
}
