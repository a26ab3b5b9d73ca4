#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The lock moves to another source, offline, with made-up trees of two files.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	cd "$BATS_TEST_TMPDIR"
	export KILN_CACHE=$PWD/cache KERNEL_LOCK=$PWD/versions.lock
	unset KERNEL_SRC KERNEL_SERIES KERNEL_TARBALL
	tree 1.0 3 'config OLD' 'config SMP' 'menuconfig STAYS # comment'
	tree 1.0 4 'config NEW' 'menuconfig STAYS'
	tree 1.1 0 'config NEW'
	printf '%s\n' '# kept' 'package = linux-source-1.0' 'version = 1.0.3-1' \
		'series = 1.0' "tarball = $PWD/linux-1.0.3.tar.xz" \
		"sha256 = $(sha256sum <linux-1.0.3.tar.xz | cut -d' ' -f1)" \
		'source_date_epoch = 1' >versions.lock
}

# tree SERIES SUBLEVEL LINE...
tree() {
	mkdir -p linux/arch/x86 linux/arch/vax linux/mm
	printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = %s\n' "${1%.*}" \
		"${1#*.}" "$2" >linux/Makefile
	printf '%s\n\tbool\n' "${@:3}" >linux/mm/Kconfig
	echo 'config VAX_ONLY' >linux/arch/vax/Kconfig
	echo 'config X86' >linux/arch/x86/Kconfig
	tar -cJf "linux-$1.$2.tar.xz" --mtime=@7 linux
	rm -r linux
}

update() {
	run "$top/osbuilder/kernel-update.sh"
	printf '%s\n' "$output"
}

@test "symbols that came and went are shown, and the lock moves" {
	KERNEL_TARBALL=linux-1.0.4.tar.xz update
	[ "$status" -eq 0 ]
	[[ "$output" == *'source: 1.0.3 -> 1.0.4'* ]]
	[[ "$output" == *'appeared: NEW'* ]]
	[[ "$output" == *'vanished: OLD'* ]]
	[[ "$output" == *'vanished: SMP (asked for)'* ]]
	[[ "$output" != *STAYS* && "$output" != *VAX* && "$output" != *X86* ]]
	grep -qx '# kept' versions.lock
	grep -qx 'version = 1.0.4' versions.lock
	grep -qx "sha256 = $(sha256sum <linux-1.0.4.tar.xz | cut -d' ' -f1)" versions.lock
	grep -qx "tarball = $PWD/linux-1.0.4.tar.xz" versions.lock
	grep -qx 'source_date_epoch = 7' versions.lock
}

@test "another series gets a lock of its own" {
	before=$(sha256sum versions.lock)
	KERNEL_TARBALL=linux-1.1.0.tar.xz update
	[ "$status" -eq 0 ]
	[ "$(sha256sum versions.lock)" = "$before" ]
	grep -qx 'series = 1.1' versions-1.1.lock
	grep -qx 'package = linux-source-1.1' versions-1.1.lock
}

@test "DRY_RUN shows the difference and writes nothing" {
	before=$(sha256sum versions.lock)
	DRY_RUN=1 KERNEL_TARBALL=linux-1.0.4.tar.xz update
	[ "$status" -eq 0 ]
	[[ "$output" == *'+version = 1.0.4'* ]]
	[ "$(sha256sum versions.lock)" = "$before" ]
}

@test "what is no kernel's tarball leaves the lock alone" {
	before=$(sha256sum versions.lock)
	mkdir x
	tar -cJf x.tar.xz x
	KERNEL_TARBALL=x.tar.xz update
	[ "$status" -ne 0 ]
	[ "$(sha256sum versions.lock)" = "$before" ]
}
