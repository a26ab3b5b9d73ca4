#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Images are mapped into guests by DAX, large files by huge pages, where
# kernel, VMM and architecture can do so (docs/dax.md); elsewhere the same image
# is a disk.

load helpers
load machine

setup() {
	image_setup
}

# Builds $work/a.img for architecture $1: format $2, layout $3.
image_of() {
	prepare "$1"
	"$tool" image --format "$2" --layout "$3" "${manifest[@]}" \
		--output "$work/a.img"
}

# The image as the memory of an emulated device; $1 is on when it is read-only.
as_memory() {
	memory=(-object "memory-backend-file,id=m,mem-path=$work/a.img,share=on,readonly=$1,size=$(stat -c %s "$work/a.img")")
}

# Boots from pmem device $1, of format $2, with the arguments that follow.
maps_from() {
	local device=$1 format=$2
	shift 2
	boots_from "$work/a.img" "${memory[@]}" "$@" -append \
		"$append root=/dev/$device rootfstype=$format rootflags=dax=always ro init=/init"
	# statx() says so of all files, the init among them.
	grep '^KILN-DAX yes /init$' "$work/text"
	[ "$(grep -c '^KILN-DAX yes ' "$work/text")" = \
		"$(grep -c '^KILN-SUM ' "$work/text")" ]
	[ "$(grep -c '^KILN-DAX no ' "$work/text")" = 0 ]
	# One fault for 2 MiB, where small pages take 512; a few may be others.
	faults=$(sed -n 's,^KILN-FAULTS \([0-9]*\) /files/2097160$,\1,p' \
		"$work/text")
	echo "$faults faults"
	[ -n "$faults" ] && [ "$faults" -le 4 ]
	# The page table maps it by one huge page. FilePmdMapped of smaps does not
	# count pages of devices.
	grep '^KILN-HUGE 2097152 .* /files/2097160$' "$work/text"
	# 2.2 MB were read. The page cache has the filesystem's metadata only.
	cached=$(sed -n 's/^KILN-CACHED //p' "$work/text")
	echo "page cache grew by $cached KB"
	[ "$cached" -le 64 ]
}

@test "x86_64 maps a plain image from virtio-pmem" {
	image_of x86_64 erofs plain
	as_memory on
	maps_from pmem0 erofs -device virtio-pmem-pci,memdev=m
}

@test "x86_64 maps an image with info block from virtio-pmem" {
	image_of x86_64 erofs pmem
	as_memory on
	maps_from pmem0p1 erofs -device virtio-pmem-pci,memdev=m
}

@test "x86_64 maps erofs from a read-only NVDIMM" {
	image_of x86_64 erofs pmem
	as_memory on
	maps_from pmem0p1 erofs -M q35,nvdimm=on \
		-device nvdimm,memdev=m,unarmed=on
}

@test "x86_64 maps ext4 from a read-only NVDIMM" {
	image_of x86_64 ext4 pmem
	as_memory on
	maps_from pmem0p1 ext4 -M q35,nvdimm=on \
		-device nvdimm,memdev=m,unarmed=on
}

@test "ppc64le maps an image with labels from a pseries NVDIMM" {
	image_of ppc64le erofs papr
	as_memory on
	# As spapr-nvdimm the device is flushed by a hypercall; QEMU's TCG does
	# not know the instruction that a plain nvdimm's driver uses.
	maps_from pmem0p1 erofs -device \
		spapr-nvdimm,memdev=m,unarmed=on,label-size=128K,uuid=6b696c6e-0000-8000-8000-726f6f746673
}

# The image for DAX, as a disk, on architecture $1.
mounts() {
	image_of "$1" erofs "$2"
	as_disk "$work/a.img"
	boots_from "$work/a.img" "${disk[@]}" -append \
		"$append root=/dev/vda1 rootfstype=erofs ro init=/init"
}

@test "aarch64 mounts the image with info block from a disk" {
	mounts aarch64 pmem
}
@test "s390x mounts the image with info block from a disk" {
	mounts s390x pmem
}
@test "ppc64le mounts the image with labels from a disk" {
	mounts ppc64le papr
}
