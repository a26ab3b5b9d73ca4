#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The image of modules without modules: one made here tells that "nbd" is part of
# the guest's kernel. How it is attached, checked and read is the same as with
# some, which need a kernel of their own (make modules-test).

load helpers
load modules

setup_file() {
	export ARCH=${KILN_TEST_ARCH:-$(uname -m)}
	export O=$(realpath "${KILN_O:-build}")
	export KILN=$O/host/kiln
	export BUSYBOX_ROOTFS=$O/$ARCH/busybox-rootfs
	export GUESTS=$BATS_FILE_TMPDIR/guests
	guest_with_modules "$GUESTS/$ARCH"
}

guest_with_modules() {
	local tool=$O/host/kiln-image tree=$BATS_FILE_TMPDIR/tree release
	mkdir -p "$1"
	cp "$O/$ARCH"/{kernel,rootfs.*.img,image.json} "$1"
	release=$(jq -r .kernel.release "$1/image.json")
	mkdir -p "$tree/$release"
	echo kernel/drivers/block/nbd.ko >"$tree/$release/modules.builtin"
	: >"$tree/$release/modules.dep"
	"$tool" image --format erofs --layout plain --verity --output \
		"$1/modules.img" --overlay "$tree" --manifest \
		"$BATS_TEST_DIRNAME/../../rootfs/modules.manifest"
	"$tool" inspect --format json "$1/modules.img" >"$1/modules.json"
	jq --slurpfile m "$1/modules.json" \
		'.artifacts += [{name: "modules.img", content: $m[0]}]' \
		"$1/image.json" >"$1/new.json"
	mv "$1/new.json" "$1/image.json"
}

@test "an image of modules is checked, read, and let go" {
	export KILN_GUESTS=$GUESTS
	with_modules 'ls /sys/block; echo done' '["nbd nbds_max=3"]'
	[ "$status" = 0 ]
	[[ "$output" == *done && "$output" != *dm-* ]]
	with_modules true '["nosuch"]'
	[ "$status" != 0 ]
	[[ "$output" == *"module 'nosuch'"* && "$output" != *MODULES=1* ]]
}

@test "another bit in it" {
	own_guest "$GUESTS"
	damage_modules drivers/block/nbd.ko
	with_modules true '["nbd"]'
	[ "$status" != 0 ]
	[[ "$output" == *"module 'nbd'"* || "$output" == *modules* ]]
}

@test "a guest without one, and what is no module" {
	with_modules true '["nbd"]'
	[ "$status" != 0 ]
	[[ "$output" == *"module 'nbd'"*"'make image ARCH=$ARCH MODULES=1"* ]]
	with_modules true '[" "]'
	[ "$status" != 0 ]
	[[ "$output" == *"names no module"* ]]
}
