#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Guests boot from every format and layout that kiln-image makes, by every
# device that the machine has for it; what cannot be is refused with its reason.

load helpers

# A guest of this test's own: guest_of FORMAT [OPTION...]. What `make image`
# does, with FORMAT and the options of kiln-image.
guest_of() {
	local format=$1 tool=$O/host/kiln-image dir=$WORK/guests/$ARCH
	local vars=(--manifest rootfs/minimal.manifest --var "ARCH=$ARCH"
		--var PROFILE=minimal --var VERSION=0 --var "BUSYBOX="
		--var "AGENT=$O/$ARCH/kiln-agent")
	shift
	rm -rf "$dir"
	mkdir -p "$dir"
	ln -s "$O/$ARCH/kernel" "$dir/kernel"
	if [ "$format" = initrd ]; then
		image=$dir/initrd.img
		"$tool" initrd "${vars[@]}" --output "$image"
	else
		image=$dir/rootfs.$format.img
		"$tool" image --format "$format" "$@" "${vars[@]}" \
			--output "$image"
	fi
	describe
	export KILN_GUESTS=$WORK/guests
}

describe() {
	local dir=$WORK/guests/$ARCH
	"$O/host/kiln-image" manifest --arch "$ARCH" --profile minimal \
		--release 0 --agent-protocol 0.0.1 \
		--artifact "kernel=$dir/kernel" \
		--artifact "$(basename "$image")=$image" \
		--output "$dir/image.json"
}

# Lines of [hypervisor.qemu].
configure() {
	{
		echo '[hypervisor.qemu]'
		printf '%s\n' "$@"
	} >"$WORK/kiln.toml"
	export KILN_CONF_FILE=$WORK/kiln.toml
}

# The guest boots, with these words among the kernel's parameters.
boots_with() {
	command_is 'cat /proc/cmdline /sys/block/pmem0/queue/dax 2>/dev/null; uname -m'
	run kiln_run
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[-1]}" = "$ARCH" ]
	local word
	for word; do
		[[ " ${lines[0]} " == *" $word "* ]] || return 1
	done
}

refused() {
	run kiln_run
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *"$1"* ]]
}

@test "from the initrd" {
	guest_of initrd
	boots_with
	[[ "$output" != *root=* ]]
}

@test "from erofs, ext4 and squashfs, with verified files" {
	configure 'verify_guest = true'
	for format in erofs ext4 squashfs; do
		guest_of "$format"
		boots_with root=/dev/vda "rootfstype=$format" ro
	done
}

@test "from compressed erofs, as a disk where others are mapped, and verified" {
	[ "$ARCH" != x86_64 ] || configure 'machine_type = "q35"'
	guest_of erofs --compress lz4hc
	boots_with root=/dev/vda rootfstype=erofs ro
	guest_of erofs --compress lz4hc --verity
	boots_with root=/dev/dm-0
}

@test "an image goes before an initrd, unless it is configured" {
	guest_of initrd
	ln -s "$O/$ARCH/rootfs.erofs.img" "$WORK/guests/$ARCH/"
	# Not in image.json: not of this guest.
	boots_with
	[[ "$output" != *root=* ]]
	rm "$WORK/guests/$ARCH/image.json"
	boots_with rootfstype=erofs
	configure 'vm_rootfs_driver = "initrd"'
	boots_with
	[[ "$output" != *root=* ]]
}

@test "dm-verity checks the root" {
	guest_of erofs --verity
	boots_with 'dm-mod.create="rootfs,,,ro,0' root=/dev/dm-0
	layout=pmem
	[ "$ARCH" != ppc64le ] || layout=papr
	guest_of ext4 --verity --layout "$layout"
	boots_with dm-mod.waitfor=/dev/vda1 root=/dev/dm-0
}

@test "a flipped bit under dm-verity ends in the guest's panic" {
	guest_of erofs --verity
	at=$("$O/host/kiln-image" inspect --format json "$image" |
		jq '.files[] | select(.path == "/init") | .offset')
	printf '\x7e' | dd of="$image" bs=1 seek="$at" conv=notrunc status=none
	refused 'dm-verity device corrupted'
	# The same is found before the boot, if asked for.
	configure 'verify_guest = true'
	refused 'is not the one image.json describes'
}

@test "an image mapped into the guest" {
	case $ARCH in
	x86_64)
		guest_of erofs --layout pmem --verity
		for driver in nvdimm virtio-pmem; do
			configure 'machine_type = "q35"' \
				"vm_rootfs_driver = \"$driver\""
			boots_with root=/dev/pmem0p1 rootflags=dax=always
			[ "${lines[1]}" = 1 ]
		done
		# The same as a disk, verified: also what is chosen unasked.
		configure 'machine_type = "q35"'
		boots_with root=/dev/dm-0
		guest_of ext4
		boots_with root=/dev/pmem0 rootfstype=ext4 rootflags=dax=always
		[ "${lines[1]}" = 1 ]
		;;
	ppc64le)
		guest_of erofs --layout papr
		boots_with root=/dev/pmem0p1 rootflags=dax=always
		[ "${lines[1]}" = 1 ]
		configure 'vm_rootfs_driver = "virtio-blk"'
		boots_with root=/dev/vda1
		;;
	*)
		guest_of erofs --layout pmem
		boots_with root=/dev/vda1
		for driver in nvdimm virtio-pmem; do
			configure "vm_rootfs_driver = \"$driver\""
			refused 'this machine has no'
		done
		;;
	esac
}

@test "a guest cannot write to its image" {
	guest_of erofs --layout "$([ "$ARCH" = ppc64le ] && echo papr || echo pmem)"
	disk=vda
	case $ARCH in
	x86_64) configure 'machine_type = "q35"' && disk=pmem0 ;;
	ppc64le) disk=pmem0 ;;
	esac
	before=$(sha256sum <"$image")
	spec '.linux.resources.devices = [{"allow": true, "access": "rwm"}]
		| .process.capabilities[] |= (. + ["CAP_MKNOD", "CAP_SYS_ADMIN"])'
	command_is "set -e
		mknod /dev/d b \$(tr : ' ' </sys/block/$disk/dev)
		dd if=/dev/d of=/dev/null bs=4096 count=1 2>/dev/null
		blockdev --setrw /dev/d || :
		dd if=/dev/zero of=/dev/d bs=1M count=1 conv=fsync || :
		sync
		dd if=/dev/d of=/dev/null bs=4096 count=1 2>/dev/null
		echo read"
	run --separate-stderr kiln_run
	echo "$output $stderr"
	[ "$output" = read ]
	[ "$(sha256sum <"$image")" = "$before" ]
}

@test "what cannot be mapped is refused with the reason" {
	machine=
	driver=virtio-pmem
	case $ARCH in
	x86_64) machine='machine_type = "q35"' ;;
	ppc64le) driver=nvdimm ;;
	*)
		guest_of erofs
		configure 'vm_rootfs_driver = "virtio-pmem"'
		refused 'this machine has no virtio-pmem; q35 of x86_64 has'
		return
		;;
	esac
	guest_of squashfs
	configure "$machine" "vm_rootfs_driver = \"$driver\""
	refused 'cannot be mapped'
	guest_of erofs
	configure "$machine" 'vm_rootfs_driver = "nvdimm"'
	refused LAYOUT=pmem
	configure "$machine" 'rootfs_type = "ext4"'
	refused 'rootfs_type = "ext4"'
}

@test "an image that image.json does not describe is refused" {
	guest_of erofs
	size=$(stat -c %s "$image")
	echo 'dir /x' >"$WORK/other.manifest"
	"$O/host/kiln-image" image --format ext4 --output "$WORK/other" \
		--manifest "$WORK/other.manifest"
	truncate -s "$size" "$WORK/other"
	mv "$WORK/other" "$image"
	refused 'image.json says erofs'
	rm "$image"
	refused 'has no initrd.img, nor an image'
}
