#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# libguestfs as a reader: its appliance runs our kernel, under emulation, mounts
# the image in each format and packs what it sees with tar.

load helpers
load tree

setup() {
	image_setup
	kernel=$out/x86_64/kernel
	for c in guestfish supermin; do
		command -v $c >/dev/null || skip "no $c: install libguestfs-tools"
	done
	[ -s "$kernel" ] || skip "no kernel of x86_64 was built"
	time=1700000001
	mkdir "$work/in" "$work/modules" "$work/lib" "$work/lib/modules" \
		"$work/cache"
	tree
	manifest=(--manifest "$work/in/m" --epoch "$time")
}

# Our kernel has no modules; supermin wants a folder of them all the same, and
# one of the host's, which a host in a container lacks.
guestfs() {
	: >"$work/modules/modules.dep"
	SUPERMIN_KERNEL=$kernel SUPERMIN_MODULES=$work/modules \
		SUPERMIN_KERNEL_VERSION=$(jq -r .release "$kernel.json") \
		TAR_OPTIONS=--no-same-owner LIBGUESTFS_BACKEND=direct LIBGUESTFS_CACHEDIR=$work/cache \
		LIBGUESTFS_BACKEND_SETTINGS=force_tcg TMPDIR=$work \
		LIBGUESTFS_HV=$(command -v qemu-system-x86_64) \
		timeout 400 unshare -rm bash -c '
			mount -t overlay overlay -o "lowerdir=$0:/usr/lib" /usr/lib
			exec guestfish --ro "$@"' "$work/lib" "$@"
}

@test "libguestfs reads the same tree from every file system" {
	formats=(erofs lz4hc ext4 squashfs)
	"$tool" image "${manifest[@]}" --output "$work/erofs"
	"$tool" image --compress lz4hc "${manifest[@]}" --output "$work/lz4hc"
	"$tool" image --format ext4 "${manifest[@]}" --output "$work/ext4"
	"$tool" image --format squashfs "${manifest[@]}" \
		--output "$work/squashfs"
	# The disk of each is sda, sdb and so on.
	steps=() disks=() d=({a..z})
	for i in "${!formats[@]}"; do
		disks+=(-a "$work/${formats[i]}")
		steps+=(: mount-ro "/dev/sd${d[i]}" /
			: tar-out / "$work/${formats[i]}.tar"
			numericowner:true : umount-all)
	done
	guestfs --format=raw "${disks[@]}" run "${steps[@]}"
	cat_lister >"$work/lister"
	for f in "${formats[@]}"; do
		mkdir "$work/x"
		fakeroot bash -c 'set -e; cd "$1/x"
			tar -xp --numeric-owner -f "../$2.tar"
			bash ../lister "$1/x" >../seen' bash "$work" "$f"
		diff "$work/in/list" "$work/seen"
		chmod -R u+rwx "$work/x"
		rm -rf "$work/x"
	done
}
