#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Where the source comes from and what patches do to it, with a tarball of two
# files in the place of the kernel's.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	cd "$BATS_TEST_TMPDIR"
	export KILN_CACHE=$PWD/cache KERNEL_LOCK=$PWD/lock
	export KERNEL_PATCHES=$PWD/patches ARCH=x86_64
	unset KERNEL_SRC KERNEL_TARBALL
	mkdir -p linux patches/1.0
	printf 'one\ntwo\nthree\n' >linux/file
	tar -cJf linux.tar.xz linux
	write_lock "$(sha256sum <linux.tar.xz | cut -d' ' -f1)"
	write_patch 0001-first 's/two/2/'
	patch -s linux/file <patches/1.0/0001-first.patch
	write_patch 0002-second 's/2/II/'
	patch -s -R linux/file <patches/1.0/0001-first.patch
}

write_lock() {
	printf '%s\n' 'package = none' 'version = 1.0-1' 'series = 1.0' \
		"tarball = $PWD/linux.tar.xz" "sha256 = $1" \
		'source_date_epoch = 0' >lock
}

write_patch() {
	sed "$2" linux/file >changed
	{
		printf 'Upstream-Status: Inappropriate [a fixture]\n\n'
		diff -u --label a/file --label b/file linux/file changed || :
	} >"patches/1.0/$1.patch"
}

# Prints the key and the file of the patched source, then what else is asked.
unpack() {
	run bash -euc '. "$0/osbuilder/kernel-lib.sh"
		source_setup; source_unpack
		echo "key=$source_key pinned=$pinned"
		cat "$src/file"; eval "${1:-}"' "$top" "$@"
	printf '%s\n' "$output"
}

@test "patches are applied in the order of their names" {
	unpack
	[ "$status" -eq 0 ]
	[[ "$output" == *pinned=true* ]]
	[[ "$output" == *$'one\nII\nthree'* ]]
}

@test "the source is unpacked once" {
	unpack 'touch "$src/mark"'
	unpack '[ -e "$src/mark" ]'
	[ "$status" -eq 0 ]
	[[ "$output" != *unpacking* ]]
}

@test "another patch makes another source" {
	unpack
	first=${output#*key=}
	rm patches/1.0/0002-second.patch
	unpack
	[ "$status" -eq 0 ]
	[ "${first%% *}" != "$(expr "$output" : '.*key=\([0-9a-f]*\)')" ]
	[[ "$output" == *$'one\n2\nthree'* ]]
}

@test "a patch without Upstream-Status is refused" {
	sed -i 1d patches/1.0/0001-first.patch
	unpack
	[ "$status" -ne 0 ]
	[[ "$output" == *'0001-first.patch: no Upstream-Status'* ]]
}

@test "a patch that does not apply leaves no source behind" {
	mv patches/1.0/0001-first.patch patches/1.0/0003-late.patch
	unpack
	[ "$status" -ne 0 ]
	[[ "$output" == *'0002-second.patch does not apply'* ]]
	[ -z "$(find cache/kernel/src -type d -mindepth 1)" ]
}

@test "another tarball builds with a warning and is not called pinned" {
	write_lock 0000
	unpack
	[ "$status" -eq 0 ]
	[[ "$output" == *'warning: '*'not the source'* ]]
	[[ "$output" == *pinned=false* ]]
}

@test "a missing tarball says what to install" {
	rm linux.tar.xz
	unpack
	[ "$status" -ne 0 ]
	[[ "$output" == *'install none'* ]]
}

@test "a tree of the user's is built as it is" {
	mkdir -p linux/scripts/kconfig
	touch linux/scripts/kconfig/conf.c
	export KERNEL_SRC=$PWD/linux
	unpack
	[ "$status" -eq 0 ]
	[[ "$output" == *$'one\ntwo\nthree'* ]]
	first=$output
	printf 'four\n' >>linux/file
	unpack
	[ "${first%%pinned*}" != "${output%%pinned*}" ]
}
