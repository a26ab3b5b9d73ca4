#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Linux of each architecture boots from each format and sees in them what went
# in. The init of these images is tests/image/init.c;
# ext4 on aarch64 and squashfs on s390x boot in verity.bats.

load helpers
load machine

setup() {
	image_setup
}

initrd_boots() {
	prepare "$1"
	"$tool" initrd "${manifest[@]}" --output "$work/a.img"
	boots_from "$work/a.img" -initrd "$work/a.img" -append "$append"
}

# Boots architecture $1 from a disk of format $2, compressed by $3.
disk_boots() {
	prepare "$1"
	"$tool" image --format "$2" ${3:+--compress "$3"} "${manifest[@]}" \
		--output "$work/a.img"
	as_disk "$work/a.img"
	boots_from "$work/a.img" -append \
		"$append root=/dev/vda rootfstype=$2 ro init=/init" "${disk[@]}"
}

@test "x86_64 boots from the initrd" { initrd_boots x86_64; }
@test "x86_64 boots from erofs" { disk_boots x86_64 erofs; }
@test "x86_64 boots from compressed erofs" { disk_boots x86_64 erofs lz4hc; }
@test "x86_64 boots from ext4" { disk_boots x86_64 ext4; }
@test "x86_64 boots from squashfs" { disk_boots x86_64 squashfs; }
@test "aarch64 boots from the initrd" { initrd_boots aarch64; }
@test "aarch64 boots from erofs" { disk_boots aarch64 erofs; }
@test "aarch64 boots from compressed erofs" { disk_boots aarch64 erofs lz4hc; }
@test "aarch64 boots from squashfs" { disk_boots aarch64 squashfs; }
@test "s390x boots from the initrd" { initrd_boots s390x; }
@test "s390x boots from erofs" { disk_boots s390x erofs; }
@test "s390x boots from compressed erofs" { disk_boots s390x erofs lz4hc; }
@test "s390x boots from ext4" { disk_boots s390x ext4; }
@test "ppc64le boots from the initrd" { initrd_boots ppc64le; }
@test "ppc64le boots from erofs" { disk_boots ppc64le erofs; }
@test "ppc64le boots from compressed erofs" { disk_boots ppc64le erofs lz4hc; }
@test "ppc64le boots from ext4" { disk_boots ppc64le ext4; }
@test "ppc64le boots from squashfs" { disk_boots ppc64le squashfs; }
