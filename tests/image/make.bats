#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What make does about images, and when it does nothing.

load helpers

setup() {
	image_setup
	[ -s "$out/x86_64/image.json" ] || skip "no image of x86_64"
	cd "$top" || return
	mk=(make O="$out" DEPS=skip ARCH=x86_64)
}

@test "nothing to do is nothing, also for make -n" {
	"${mk[@]}" image
	run "${mk[@]}" -n image
	echo "$output"
	[ "$status" = 0 ]
	[[ "${lines[-1]}" == *"Nothing to be done for 'image'"* ]]
	[ "${#lines[@]}" -le 2 ]
}

@test "a lost file of the kernel's is made again" {
	mkdir "$work/o"
	cp -al "$out/host" "$out/gen" "$out/x86_64" "$work/o/"
	mk=(make O="$work/o" DEPS=skip ARCH=x86_64)
	run "${mk[@]}" -n image
	[[ "$output" != *kernel-build.sh* ]]
	rm "$work/o/x86_64/kernel.zst"
	for goal in image kernel; do
		run "${mk[@]}" -n $goal
		[[ "$output" == *kernel-build.sh* ]]
	done
}

@test "a kernel of one's own is an input, and so is none" {
	mkdir "$work/o"
	cp -al "$out/x86_64" "$work/o/"
	mk=(make O="$work/o" DEPS=skip ARCH=x86_64)
	cp -p --remove-destination "$out/x86_64/kernel.vars" "$work/o/x86_64/"
	"${mk[@]}" "$work/o/x86_64/kernel.vars" KERNEL_TARBALL=/a/kernel.tar.xz
	run "${mk[@]}" -n kernel
	[[ "$output" == *kernel-build.sh* ]]
}

@test "what names nothing is refused, and what another name means is told" {
	run make -n DEPS=skip image ARCH=
	[ "$status" != 0 ]
	[[ "$output" == *"one of x86_64 aarch64 s390x ppc64le or all"* ]]
	run make -n DEPS=skip image ARCH=arm64
	[ "$status" != 0 ]
	[[ "$output" == *"; arm64 is aarch64"* ]]
	for name in O FORMAT PROFILE COMPONENTS; do
		run make -n DEPS=skip image $name=
		[ "$status" != 0 ]
		[[ "$output" == *"$name= is empty"* ]]
	done
}

@test "0 and no switch off" {
	"${mk[@]}" image
	for off in VERITY=0 VERITY=no MODULES=0 V=0; do
		run "${mk[@]}" -n image $off
		[[ "${lines[-1]}" == *"Nothing to be done for 'image'"* ]]
	done
}

@test "every option is an input" {
	mkdir "$work/over"
	for option in FORMAT=ext4 COMPRESS=lz4hc LAYOUT=pmem VERITY=1 PROFILE=debug \
		OVERLAY="$work/over"; do
		run "${mk[@]}" -n image $option
		[ "$status" = 0 ]
		[[ "$output" == *"kiln-image image"* ]]
	done
}

@test "what a format cannot be compressed by is refused" {
	for wrong in 'COMPRESS=zstd' 'COMPRESS=lz4hc FORMAT=ext4'; do
		# shellcheck disable=SC2086
		run "${mk[@]}" -n image $wrong
		[ "$status" != 0 ]
		[[ "$output" == *"only FORMAT=erofs is compressed so"* ]]
	done
}

@test "a profile may be any manifest, and one that is not there is named" {
	echo 'include ${ROOTFS}/minimal' >"$work/own.manifest"
	run "${mk[@]}" -n image PROFILE="$work/own.manifest"
	[[ "$output" == *"--manifest $work/own.manifest"* ]]
	[[ "$output" == *"--var PROFILE=own "* ]]
	run "${mk[@]}" -n image PROFILE=nosuch
	[ "$status" != 0 ]
	[[ "$output" == *"there is no rootfs/nosuch.manifest"* ]]
}

@test "an image for pseries takes no more memory than another" {
	sample "$work/in"
	"$tool" image --layout papr --manifest "$work/in/sample.manifest" \
		--output "$work/a.img"
	[ "$(stat -c %s "$work/a.img")" = $((268435456 + 131072)) ]
	# Nearly all of it is a hole, which must stay one on the way.
	[ "$(stat -c %b "$work/a.img")" -lt 16384 ]
}
